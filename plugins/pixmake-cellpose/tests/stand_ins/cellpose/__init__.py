"""Stands in for Cellpose: cells are what is bright."""
