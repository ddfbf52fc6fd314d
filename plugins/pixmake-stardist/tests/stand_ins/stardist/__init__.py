"""Stands in for StarDist: nuclei are what is bright."""
