"""pixmake from Python."""
