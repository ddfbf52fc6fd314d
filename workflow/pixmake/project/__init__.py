"""What one does with a project's folder: begin it, look at it, try an image, clean up, watch for new images.

``importers/`` read the configurations of other systems.
"""
