"""Pixel classification: a few strokes of a brush become a classifier, and a classifier labels and objects.

Features of pixels, the model and its file, learning it, applying it tile by tile, measuring objects, and what
is read of ilastik's projects. Needs NumPy and OpenCV; learning needs scikit-learn as well.
"""
