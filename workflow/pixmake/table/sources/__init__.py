"""Where tables come from: one module a source, each with ``read(images) -> Table``."""

from __future__ import annotations

from collections.abc import Callable

from pixmake.base import plugins
from pixmake.base.errors import PixmakeError
from pixmake.config.added_sources import NEEDED
from pixmake.config.images import ADDED_SOURCES, Images
from pixmake.table.arrivals import only_arrived
from pixmake.table.column_types import with_types
from pixmake.table.exif import with_exif
from pixmake.table.file_images import with_file_images
from pixmake.table.image_parts import with_parts
from pixmake.table.joins import joined
from pixmake.table.mended_paths import with_mended_paths
from pixmake.table.sources import directory, lemnatec, omero, phenodata
from pixmake.table.sources import table as table_source
from pixmake.table.sources import zarr as zarr_source
from pixmake.table.table import Table, with_times

SOURCES: dict[str, Callable[[Images], Table]] = {
    "table": table_source.read,
    "directory": directory.read,
    "lemnatec": lemnatec.read,
    "phenodata": phenodata.read,
    "zarr": zarr_source.read,
    "omero": omero.read,
}
"""Those that come with pixmake, by the key of `Images` that names them; see `read_source`."""


def read_source(images: Images) -> Table:
    """Read the table of images as the source has it.

    Raises
    ------
    PixmakeError
        With everything that is wrong with it, or with the package that adds the source.
    """
    if images.source in SOURCES:
        return SOURCES[images.source](images)
    entry = ADDED_SOURCES[images.source]
    try:
        table = plugins.load(entry, NEEDED).read(getattr(images, images.source))
    except (PixmakeError, MemoryError):
        raise
    except Exception as error:
        told = f"reading failed: {type(error).__name__}: {error}".rstrip(": ")
        raise plugins.PluginError([plugins.refuse(entry, told)]) from error
    if not isinstance(table, Table):
        raise plugins.PluginError([plugins.refuse(entry, f"read gave a {type(table).__name__} and no Table")])
    return table


def read_images(images: Images) -> Table:
    """Read the table of images from the source that the config names, with joined tables and headers.

    Raises
    ------
    PixmakeError
        With everything that is wrong with it.
    """
    table = only_arrived(with_mended_paths(read_source(images)))
    if images.directory is not None:
        table = with_file_images(table, images.directory)
    for join in images.join:
        table = joined(table, join)
    if images.exif:
        table = with_exif(table, images.exif)
    table = with_types(table, images.types)
    return with_times(with_parts(table, images.read_by), images.timestamp_format)
