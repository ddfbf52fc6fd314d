"""Which images there are, and what is known of them.

``sources/`` has a module for each place where images are listed; all give the same table. Then come columns
from elsewhere (`joins`, `exif`), parts of images, the selection, and groups of images that make one job.
"""
