"""Thermograms and flight logs of drones, for pixmake."""
