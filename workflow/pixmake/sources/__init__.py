"""Where tables come from: one module a source, each with ``read(images) -> Table``."""

from __future__ import annotations

from pixmake.config import Images
from pixmake.sources import table as table_source
from pixmake.table import Table

SOURCES = {"table": table_source.read}


def read_images(images: Images) -> Table:
    """Read the table of images from the source that the config names.

    Raises
    ------
    PixmakeError
        With everything that is wrong with it.
    """
    (source,) = [name for name in SOURCES if getattr(images, name) is not None]
    return SOURCES[source](images)
