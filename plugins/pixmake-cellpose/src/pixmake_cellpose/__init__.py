"""Steps of pixmake that find cells with Cellpose 4."""
