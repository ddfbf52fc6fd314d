"""Steps of pixmake that find nuclei with StarDist."""
