"""How instruments name image files: letters and digits that say well, field, channel, plane and time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixmake.base.filename_terms import NameMismatch, NameParser, name_parser
from pixmake.base.values import Cell
from pixmake.config.images import FORMATS

THUMBNAIL = re.compile(r"_thumb", re.IGNORECASE)
"""In the names of small pictures that an instrument writes beside its images."""

CHANNEL = "channel"
PLACES = ("plate", "experiment", "well", "row", "column", "field", "site", "position")
"""Terms that say where on a plate or a slide a picture was taken."""

_WELL = r"[A-Pa-p](0?[1-9]|[1-4][0-9])|A[A-F](0?[1-9]|[1-4][0-9])"
_LETTERS = {
    "row": {"r", "row"},
    "column": {"col", "column"},
    "well": {"well"},
    "site": {"s", "site"},
    "field": {"f", "field", "fov", "fld"},
    "position": {"xy", "pos", "position"},
    "plane": {"z", "plane", "slice"},
    "time": {"t", "time", "timepoint", "tp"},
    "channel": {"ch", "chan", "channel", "wv", "wave"},
    "c": {"c"},
    "w": {"w"},
    "p": {"p"},
}
_TERM_OF = {letters: term for term, several in _LETTERS.items() for letters in several}


@dataclass(frozen=True)
class Scheme:
    """The names that the software of one instrument writes."""

    instrument: str
    """Whose; empty for names that anybody may have given."""
    key: str
    """The key of `images.directory` that takes them apart: ``template`` or ``pattern``."""
    names: str
    """Its value, for a name without folders and suffix."""

    timestamp_format: str | None = None
    """The value of `images.timestamp_format` that a pattern needs; a template says it by itself."""

    @property
    def terms(self) -> tuple[str, ...]:
        """What the names say."""
        return _parser(self).columns


def _templates(instrument: str, *names: str) -> tuple[Scheme, ...]:
    return tuple(Scheme(instrument, "template", each) for each in names)


def _patterns(instrument: str, *names: str, timestamp_format: str | None = None) -> tuple[Scheme, ...]:
    return tuple(Scheme(instrument, "pattern", f"^{each}$", timestamp_format) for each in names)


_NAMED_WELL = r"(?P<well>[A-P]\d{1,2}|A[A-F]\d{1,2})"
_PREFIX = f"(?P<plate>.+)_{_NAMED_WELL}"
_DATABASE_ID = r"[0-9A-F]{8}-?(?:[0-9A-F]{4}-?){3}[0-9A-F]{12}"
_MATRIX = (
    "image--L{_:d}--S{_:d}--U{column:d}--V{row:d}--J{_:d}--E{_:d}--O{_:d}--X{field_x:d}--Y{field_y:d}"
    "--T{time:d}--Z{plane:d}--C{channel:d}"
)
_YOKOGAWA = r"_T(?P<time>\d{4})F(?P<field>\d{3})L\d{2}A\d{2}Z(?P<plane>\d{2})C(?P<channel>\d{2})"
_IMAGEXPRESS = "Molecular Devices ImageXpress (MetaXpress)"

# a template where it says all, since it is what a person reads; a pattern where a term in front may hold
# the mark that ends it
SCHEMES = (
    *_templates(
        "PerkinElmer/Revvity Operetta and Opera Phenix (Harmony)",
        "r{row:d}c{column:d}f{field:d}p{plane:d}-ch{channel:d}sk{time:d}fk{_:d}fl{_:d}",
        "{row:3d}{column:3d}-{field:d}-{plane:3d}{time:3d}{channel:3d}",
    ),
    *_templates(
        _IMAGEXPRESS,
        "{well}_s{site:d}_w{channel:d}_z{plane:d}",
        "{well}_s{site:d}_w{channel:d}",
        "{well}_w{channel:d}",
        "{well}_s{site:d}",
    ),
    *_patterns(
        _IMAGEXPRESS,
        _PREFIX + r"_s(?P<site>\d+)_w(?P<channel>\d+)_z(?P<plane>\d+)",
        _PREFIX + r"_s(?P<site>\d+)_w(?P<channel>\d+)",
        _PREFIX + r"_w(?P<channel>\d+)",
        _PREFIX + r"_s(?P<site>\d+)",
        _NAMED_WELL + r"_s(?P<site>\d+)_w(?P<channel>\d)" + _DATABASE_ID,
        _PREFIX + r"_s(?P<site>\d+)_w(?P<channel>\d)" + _DATABASE_ID,
    ),
    *_patterns(
        "MetaMorph (multi-dimensional acquisition)",
        r"(?P<experiment>.+)_w\d(?P<channel>[^_]+)_s(?P<site>\d+)_t(?P<time>\d+)",
        r"(?P<experiment>.+)_w\d(?P<channel>[^_]+)_s(?P<site>\d+)",
        r"(?P<experiment>.+)_w\d(?P<channel>[^_]+)_t(?P<time>\d+)",
    ),
    *_patterns(
        "Sartorius Incucyte",
        rf"(?P<experiment>.+)_{_NAMED_WELL}_(?P<site>\d+)_(?P<timestamp>\d{{4}}y\d\dm\d\dd_\d\dh\d\dm)",
        timestamp_format="%Yy%mm%dd_%Hh%Mm",
    ),
    *_patterns(
        "Sartorius Incucyte",
        rf"(?P<experiment>.+)_{_NAMED_WELL}_(?P<site>\d+)_(?P<time>\d{{2,}}d\d\dh\d\dm)",
        rf"{_NAMED_WELL}-(?P<site>\d+)-(?P<channel>C\d|Ph?)",
    ),
    *_templates(
        "Cytiva/GE IN Cell Analyzer",
        "{row} - {column:d}(fld {field:d} wv {channel} z {plane:d})",
        "{row} - {column:d}(fld {field:d} wv {channel})",
    ),
    *_templates("Yokogawa CellVoyager", "W{well:d}F{field:d}T{time:d}Z{plane:d}C{channel:d}"),
    *_patterns("Yokogawa CellVoyager", _PREFIX + _YOKOGAWA, _NAMED_WELL + _YOKOGAWA),
    *_patterns(
        "Thermo CellInsight and ArrayScan (Cellomics)", _PREFIX + r"f(?P<field>\d{2})d(?P<channel>\d)"
    ),
    *_templates("Leica Matrix Screener", _MATRIX, f"{_MATRIX}.ome.tif"),
    *_templates(
        "Micro-Manager",
        "img_channel{channel:3d}_position{position:3d}_time{time:9d}_z{plane:3d}",
        "img_{time:9d}_{channel}_{plane:3d}",
    ),
)
"""The ones that say most first, for a name may fit several."""


def scheme_of(stems: Sequence[str], enough: float) -> Scheme | None:
    """The scheme that names follow, or ``None``.

    Parameters
    ----------
    stems
        Names of files without folders and suffix.
    enough
        The part of them that has to follow it.
    """
    if not stems:
        return None
    found = next((scheme for scheme in SCHEMES if _follows(scheme, stems, enough)), None)
    if found is not None:
        return found
    letters = _letters_and_digits(stems, enough)
    return None if letters is None else Scheme("", "template", letters)


def in_folders(scheme: Scheme, folders: Sequence[tuple[str, str]]) -> Scheme:
    """The scheme for paths: of each folder on the way what stands before its term, and the term.

    A folder without a term is the same for all files.
    """
    if scheme.key == "template":
        before = "".join(f"{_braced(mark)}{f'{{{name}}}' if name else ''}/" for mark, name in folders)
        return replace(scheme, names=before + scheme.names)
    before = "".join(f"{re.escape(mark)}{f'(?P<{name}>[^/]+)' if name else ''}/" for mark, name in folders)
    return replace(scheme, names=f"^{before}{scheme.names.removeprefix('^')}")


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _parser(scheme: Scheme) -> NameParser:
    template, pattern = (scheme.names, None) if scheme.key == "template" else (None, scheme.names)
    parser = name_parser(template, [], "_", pattern, FORMATS)
    assert parser is not None
    return parser


def _follows(scheme: Scheme, stems: Sequence[str], enough: float) -> bool:
    parser, follow = _parser(scheme), 0
    for stem in stems:
        try:
            cells = parser.cells(f"{stem}.tif")
        except NameMismatch:
            continue
        follow += all(_is_so(term, cell) for term, cell in zip(parser.columns, cells, strict=True))
    return follow >= enough * len(stems)


def _is_so(term: str, cell: object) -> bool:
    """Whether a cell is of the form that its term has in these schemes."""
    text = cell.text if isinstance(cell, Cell) else str(cell)
    if term == "well":
        return re.fullmatch(rf"{_WELL}|\d+", text) is not None
    if term == "row":
        return re.fullmatch(r"[A-P]|A[A-F]|\d+", text) is not None
    return True


def _letters_and_digits(stems: Sequence[str], enough: float) -> str | None:
    """A template of names such as ``r1c2f3`` or ``t001z02``: the same letters in all, a number after each."""
    found = re.fullmatch(r"((?:[A-Za-z]+\d+[_-]?)+)", stems[0])
    if found is None:
        return None
    pieces = re.findall(r"([A-Za-z]+)(\d+)([_-]?)", stems[0])
    terms = _terms([letters.lower() for letters, _, _ in pieces])
    if terms is None or len(terms) < 2:
        return None
    same = re.compile("".join(rf"{letters}\d+{mark}" for letters, _, mark in pieces)).fullmatch
    if sum(same(stem) is not None for stem in stems) < enough * len(stems):
        return None
    return "".join(
        f"{letters}{{{term}:d}}{mark}" for (letters, _, mark), term in zip(pieces, terms, strict=True)
    )


def _terms(letters: Sequence[str]) -> list[str] | None:
    """What letters before numbers mean where they stand together; ``None`` if one is not known."""
    terms = [_TERM_OF.get(each) for each in letters]
    known = set(terms)
    # `c` is a column beside a row, else a channel; `w` is a well beside a channel, else a wavelength
    column = "row" in known and "column" not in known
    channel = "channel" in known or ("c" in known and not column)
    meaning = {
        "c": "column" if column else CHANNEL,
        "w": "well" if channel else CHANNEL,
        "p": "plane" if {"row", "well"} & known and "plane" not in known else "position",
    }
    said = [meaning.get(term, term) if term else None for term in terms]
    named = [term for term in said if term is not None]
    return named if len(named) == len(letters) == len(set(named)) else None
