"""Source ``directory``: a folder of images, whose names say what they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.filename_terms import NameMismatch, NameParser, has_format, name_parser
from pixmake.base.system_names import is_below_system
from pixmake.config.images import FORMATS, Directory, FileNames, Images
from pixmake.images.formats import RAW
from pixmake.images.remote.objects import RemoteError, joined, list_below
from pixmake.images.remote.uris import is_remote
from pixmake.table.sources.folders import OF_SYSTEM, listed_files
from pixmake.table.table import PATH, Note, Table, make_table

NO_FORMAT = "is of another format"
TWIN = "is the raw file of a picture of the same name"


def read(images: Images) -> Table:
    """List the image files of `images.directory` in the order of their paths.

    Hidden files and folders, and those of a system, are left out, and counted.

    Raises
    ------
    PixmakeError
        There is no such folder, or no image in it, or names do not fit (``unmatched: error``).
    """
    asked = images.directory
    assert asked is not None
    notes: list[Note] = []
    if is_remote(asked.path):
        return _of_names(_objects(asked, notes), asked, notes)
    if not os.path.isdir(asked.path):
        what = "is no folder" if os.path.exists(asked.path) else "there is no such folder"
        raise PixmakeError([Problem(what, asked.path)])
    return _of_names(listed_files(asked.path, asked.recursive, notes, asked.results), asked, notes)


def _objects(asked: Directory, notes: list[Note]) -> list[str]:
    """The objects below a URI, but for those of a system, in the order that files would have."""
    try:
        found = list_below(asked.path, recursive=asked.recursive)
    except RemoteError as error:
        where, _, what = str(error).partition(": ")
        raise PixmakeError([Problem(what, where)]) from None
    ours = []
    for path in found:
        if is_below_system(path.split("/")):
            notes.append(Note(OF_SYSTEM, joined(asked.path, path), left_out=True))
        else:
            ours.append(path)
    return ours


def _of_names(found: Iterable[str], asked: Directory, notes: list[Note]) -> Table:
    """The table of the files of a folder that are images, by their names."""
    paths: list[str] = []
    unfit: list[Note] = []
    for path in found:
        if not is_text(path):
            shown = path.encode("utf-8", "backslashreplace").decode()
            unfit.append(Note("has a name that is not UTF-8", where=f"{asked.path}/{shown}", left_out=True))
        elif has_format(path, asked.formats):
            paths.append(path)
        else:
            suffix = os.path.splitext(path)[1].lower()
            why = f"{NO_FORMAT} ({suffix or 'no suffix'})"
            notes.append(Note(why, os.path.join(asked.path, path), left_out=True))
    if asked.formats == list(FORMATS):
        paths, beside = _without_raw_twins(paths)
        notes += [Note(TWIN, os.path.join(asked.path, path), left_out=True) for path in beside]
    columns, fitting, misfits = read_names(paths, asked, asked.path)
    unfit += misfits
    if unfit and asked.unmatched == "error":
        raise PixmakeError(unmatched_problems(unfit))
    if not fitting:
        others = Counter(note.why for note in (*unfit, *notes))
        found = "; ".join(f"{count} × {why}" for why, count in others.items())
        raise PixmakeError([Problem("no image in this folder", asked.path, found)])
    kept = [paths[number] for number in fitting]
    return make_table({PATH: kept, **columns}, kept, asked.path, asked.path, [*unfit, *notes])


def _without_raw_twins(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files without the raw ones that a camera wrote beside a picture of the same name; and those."""
    raw = {path for path in paths if path.rpartition(".")[2].lower() in RAW}
    pictures = {os.path.splitext(path)[0] for path in paths if path not in raw}
    twins = {path for path in raw if os.path.splitext(path)[0] in pictures}
    return [path for path in paths if path not in twins], [path for path in paths if path in twins]


def read_names(
    paths: Sequence[str], asked: FileNames, folder: str
) -> tuple[dict[str, list[Any]], list[int], list[Note]]:
    """What the names of files say.

    Parameters
    ----------
    paths
        Paths from the source's folder.
    asked
        How names are read.
    folder
        The source's folder.

    Returns
    -------
    tuple
        The cells of each column, for the paths that fit or are kept; their positions; a note for each that
        does not fit.
    """
    parser = parser_of(asked)
    if parser is None:
        return {}, list(range(len(paths))), []
    rows, fitting, unfit = [], [], []
    for position, path in enumerate(paths):
        try:
            rows.append(parser.cells(path))
            fitting.append(position)
        except NameMismatch as error:
            stays = asked.unmatched == "keep"
            unfit.append(Note(error.why, os.path.join(folder, path), detail=error.detail, left_out=not stays))
            if stays:
                rows.append([None] * len(parser.columns))
                fitting.append(position)
    return {name: [row[n] for row in rows] for n, name in enumerate(parser.columns)}, fitting, unfit


def parser_of(asked: FileNames) -> NameParser | None:
    """The parser of names that a source asks for."""
    return name_parser(asked.template, asked.filename_metadata, asked.delimiter, asked.pattern, asked.formats)


def is_text(name: str) -> bool:
    """Whether a file's name is UTF-8: records and logs are."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def unmatched_problems(unfit: Sequence[Note]) -> list[Problem]:
    """Files that do not fit as problems; the first says what can be done about all of them."""
    hints = ["`unmatched: skip` leaves such files out", *("" for _ in unfit)]
    return [
        Problem(
            f"{note.why}: {note.detail}" if note.detail else note.why, note.path or note.where, hint, note.why
        )
        for note, hint in zip(unfit, hints, strict=False)
    ]
