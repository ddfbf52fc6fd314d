"""Source ``lemnatec``: a LemnaTec or PhenoFront export, ``SnapshotInfo.csv`` beside ``snapshot<ID>/``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.filename_terms import NameMismatch, has_format, name_parser, without_suffix
from pixmake.config.images import File, Images
from pixmake.table.files import read_file_table
from pixmake.table.sources.directory import is_text, parser_of, unmatched_problems
from pixmake.table.table import PATH, Note, Table, column_problems, make_table

INFO = "SnapshotInfo.csv"
ID, TILES, SNAPSHOT = "id", "tiles", "snapshot"

TILE = (
    r"^(?P<imgtype>[^_]+)_(?P<camera>[^_]+)(?:_(?P<frame>\d+))?"
    r"_z(?P<zoom>\d+)_h(?P<lifter>\d+)_g(?P<gain>\d+)_e(?P<exposure>\d+)(?:_(?P<tile>[^_]+))?$"
)
"""How LemnaTec names tiles, in PlantCV's terms; used unless the config says something else."""


@dataclass(frozen=True)
class _Tile:
    """One image that a row lists."""

    row: int
    """The position of the row."""
    snapshot: str
    name: str


def read(images: Images) -> Table:
    """Read the export that `images.lemnatec` names: a row for each tile of each snapshot.

    The columns are those of ``SnapshotInfo.csv`` without spaces (``plant barcode`` becomes PlantCV's
    ``plantbarcode``), its ``id`` as ``snapshot``, and what the tiles' names say.

    Raises
    ------
    PixmakeError
        The export cannot be read, lists no image, or has tiles whose names do not fit.
    """
    asked = images.lemnatec
    assert asked is not None
    folder = os.path.dirname(asked.path) if asked.path.lower().endswith(".csv") else asked.path
    info = asked.path if folder != asked.path else os.path.join(folder, INFO)
    found = read_file_table(File(path=info), [])
    columns = {"".join(name.lower().split()): cells for name, cells in found.columns.items()}
    problems = column_problems(list(columns), info, (ID, TILES))
    if problems:
        raise PixmakeError(problems)
    notes: list[Note] = []
    tiles = list(_listed(columns, found.numbers, info, notes))
    files = {snapshot: _files(folder, snapshot, asked.formats) for snapshot in {x.snapshot for x in tiles}}
    problems += _unclear(tiles, files, found.numbers, info)
    notes += _unlisted(folder, tiles, files)
    paths = [_path(tile, files[tile.snapshot], asked.formats) for tile in tiles]
    names, fitting, unfit = _names(images, paths, folder)
    notes += [note for note in unfit if asked.unmatched != "error" or parser_of(asked) is None]
    if asked.unmatched == "error" and parser_of(asked) is not None:
        problems += unmatched_problems(unfit)
    own = {name: cells for name, cells in columns.items() if name not in (ID, TILES)}
    problems += [
        Problem(f"both {INFO} and the tiles' names say {name!r}", info, "call the term something else")
        for name in names
        if name in (*own, SNAPSHOT)
    ]
    if not fitting and not problems:
        problems.append(Problem("lists no image", info))
    if problems:
        raise PixmakeError(problems)
    kept = [tiles[number] for number in fitting]
    return make_table(
        {
            PATH: [paths[number] for number in fitting],
            SNAPSHOT: [tile.snapshot for tile in kept],
            **{name: [cells[tile.row] for tile in kept] for name, cells in own.items()},
            **names,
        },
        [found.numbers[tile.row] for tile in kept],
        info,
        folder or ".",
        notes,
    )


def _listed(
    columns: Mapping[str, Sequence[Any]], numbers: Sequence[int], info: str, notes: list[Note]
) -> Iterator[_Tile]:
    """The tiles that the rows list, each once; what is odd is noted."""
    seen: dict[tuple[Any, ...], int] = {}
    listed: dict[tuple[str, str], tuple[int, list[Any]]] = {}
    others = [cells for name, cells in columns.items() if name != TILES]
    for row, cells in enumerate(zip(*columns.values(), strict=True)):
        where = f"{info}, row {numbers[row]}"
        snapshot = str(columns[ID][row]).strip()
        names = [name.strip() for name in str(columns[TILES][row]).split(";") if name.strip()]
        if not names:
            notes.append(Note("lists no image", where=where, left_out=True))
            continue
        if cells in seen:
            notes.append(
                Note("repeats an earlier row", where=where, detail=f"row {seen[cells]}", left_out=True)
            )
            continue
        seen[cells] = numbers[row]
        if not snapshot:
            raise PixmakeError([Problem("has tiles, but no id", where)])
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                notes.append(Note("lists a tile more than once", where=where, detail=name))
            said = [cells[row] for cells in others]
            first, told = listed.setdefault((snapshot, name), (row, said))
            if first != row and told == said:  # where they contradict, the image stands twice
                detail = f"{name}, row {numbers[first]}"
                notes.append(Note("lists a tile that an earlier row lists", where=where, detail=detail))
                continue
            yield _Tile(row, snapshot, name)


def _files(folder: str, snapshot: str, formats: Sequence[str]) -> dict[str, list[str]]:
    """The image files of a snapshot by their names without suffix."""
    files: dict[str, list[str]] = {}
    try:
        names = sorted(os.listdir(os.path.join(folder, f"snapshot{snapshot}")))
    except OSError:
        return files
    for name in names:
        if not name.startswith(".") and has_format(name, formats) and is_text(name):
            files.setdefault(without_suffix(name, formats), []).append(name)
    return files


def _path(tile: _Tile, files: Mapping[str, Sequence[str]], formats: Sequence[str]) -> str:
    """The tile's file. One that is missing has the suffix of the format, if there is but one, else none."""
    found = files.get(tile.name)
    missing = f"{tile.name}.{formats[0].lstrip('.')}" if len(formats) == 1 else tile.name
    return f"snapshot{tile.snapshot}/{found[0] if found else missing}"


def _unclear(
    tiles: Sequence[_Tile],
    files: Mapping[str, Mapping[str, Sequence[str]]],
    numbers: Sequence[int],
    info: str,
) -> Iterator[Problem]:
    for tile in tiles:
        found = files[tile.snapshot].get(tile.name, ())
        if len(found) > 1:
            what = f"the tile {tile.name} of snapshot {tile.snapshot} is {' and '.join(found)}"
            yield Problem(what, f"{info}, row {numbers[tile.row]}", "say which with `formats`")


def _unlisted(
    folder: str, tiles: Sequence[_Tile], files: Mapping[str, Mapping[str, Sequence[str]]]
) -> Iterator[Note]:
    """Image files that are there, but in no row."""
    listed = {(tile.snapshot, tile.name) for tile in tiles}
    for snapshot in sorted(files):
        for stem, names in files[snapshot].items():
            if (snapshot, stem) not in listed:
                for name in names:
                    path = os.path.join(folder, f"snapshot{snapshot}", name)
                    yield Note(f"is not listed in {INFO}", path, left_out=True)


def _names(
    images: Images, paths: Sequence[str], folder: str
) -> tuple[dict[str, list[Any]], list[int], list[Note]]:
    """What the tiles' names say; by LemnaTec's own form a name that does not fit leaves empty cells."""
    asked = images.lemnatec
    assert asked is not None
    own = parser_of(asked)
    parser = own or name_parser(None, (), "_", TILE, asked.formats)
    assert parser is not None
    rows, fitting, unfit = [], [], []
    for position, path in enumerate(paths):
        try:
            rows.append(parser.cells(path))
            fitting.append(position)
        except NameMismatch as error:
            why = error.why if own else "has a name that is not LemnaTec's: its terms are empty"
            detail = error.detail if own else ""
            stays = own is None or asked.unmatched == "keep"
            unfit.append(Note(why, os.path.join(folder, path), detail=detail, left_out=not stays))
            if stays:
                rows.append([None] * len(parser.columns))
                fitting.append(position)
    names = {name: [row[n] for row in rows] for n, name in enumerate(parser.columns)}
    if own is None:  # terms that no tile has
        names = {name: cells for name, cells in names.items() if any(cell is not None for cell in cells)}
    return names, fitting, unfit
