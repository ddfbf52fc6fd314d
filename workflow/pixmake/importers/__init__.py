"""Configurations of other systems, read into pixmake's own: one module a system."""
