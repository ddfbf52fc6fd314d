"""Pixel classification: features, models, learning, objects."""
