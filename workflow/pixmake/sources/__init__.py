"""Where tables come from: one module a source, each with ``read(images) -> Table``."""

from __future__ import annotations

from collections.abc import Callable

from pixmake.imageset import Images
from pixmake.sources import table as table_source
from pixmake.table import Table, with_times

SOURCES: dict[str, Callable[[Images], Table]] = {"table": table_source.read}
"""By the key of `Images` that names it."""


def read_images(images: Images) -> Table:
    """Read the table of images from the source that the config names.

    Raises
    ------
    PixmakeError
        With everything that is wrong with it.
    """
    table = SOURCES[images.source](images)
    return with_times(table, images.timestamp_format)
