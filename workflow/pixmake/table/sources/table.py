"""Source ``table``: a file with one row an image and a column ``path``."""

from __future__ import annotations

from pixmake.config.images import Images
from pixmake.table.files import read_file_table
from pixmake.table.table import PATH, Table, make_table


def read(images: Images) -> Table:
    """Read the table that `images.table` names.

    Raises
    ------
    PixmakeError
        The file cannot be read, or rows do not fit its header.
    """
    assert images.table is not None
    found = read_file_table(images.table, [PATH])
    return make_table(found.columns, found.numbers, images.table.path, images.root)
