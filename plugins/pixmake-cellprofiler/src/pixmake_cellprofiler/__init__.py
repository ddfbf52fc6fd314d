"""Steps of pixmake that run a CellProfiler pipeline."""
