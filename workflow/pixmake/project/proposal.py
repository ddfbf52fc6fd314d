"""A first config for a folder of images, guessed from what is in it and how its files are called."""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pixmake.base.filename_terms import NameMismatch, name_parser, without_suffix
from pixmake.base.values import TIMESTAMP
from pixmake.config.images import FORMATS, Images
from pixmake.config.models import Config, Keys, parse_config
from pixmake.config.text import as_yaml
from pixmake.images import ngff
from pixmake.images.axes import PLANES, is_zarr
from pixmake.images.remote.uris import is_remote
from pixmake.project.naming_schemes import CHANNEL, PLACES, THUMBNAIL, Scheme, in_folders, scheme_of
from pixmake.project.starter import Starter, is_starter, starter
from pixmake.table.sources import read_images
from pixmake.table.sources.directory import NO_FORMAT, TWIN
from pixmake.table.table import PATH, Table, located

ENOUGH = 0.8
"""The part of all names that a template has to fit to be proposed."""

_ODD = 5
"""Names of a hundred that may have no moment where all others have one."""

_SAMPLE = 1000
"""Names that a guess is tried on first."""

_DELIMITERS = "_- ."
_IMAGE_TYPES = {
    "VIS",
    "RGB",
    "NIR",
    "IR",
    "FLU",
    "FLUO",
    "PSII",
    "CHL",
    "UV",
    "SWIR",
    "HSI",
    "THERMAL",
    "DEPTH",
}
_VIEWS = {"SV", "TV", "TOP", "SIDE", "FRONT", "BACK", "LEFT", "RIGHT"}
_TREATMENTS = {
    *("CONTROL", "CTRL", "CTL", "MOCK", "UNTREATED", "TREATED", "DMSO", "DROUGHT", "WATERED", "WELLWATERED"),
    *("DRY", "WET", "HEAT", "COLD", "SALT", "NACL", "SHADE", "STRESS", "NITROGEN", "LOWN", "HIGHN"),
}
_GENOTYPES = {
    *("WT", "WILDTYPE", "MUTANT", "COL", "COL-0", "COL0", "LER", "LER-0", "LER-1", "WS", "WS-2", "WS-4"),
    *("CVI", "CVI-0", "BUR-0", "BAY-0", "SHA", "TSU-0", "BLA-1", "C24", "EDI-0", "NIPPONBARE", "B73", "MO17"),
}
"""Words of which one among a term's values says what the term is."""

_COUNTED = re.compile(
    r"(plant|pot|tray|experiment|exp|replicate|rep|line|block|chamber|plate)(?=[A-Z]?\d)", re.I
)
"""Words before a number or a place, such as in plantA07."""

_LEMNATEC = {"z": "zoom", "h": "lifter", "g": "gain", "e": "exposure"}
_DATES = ("%Y-%m-%d", "%Y%m%d", "%Y.%m.%d", "%Y_%m_%d", "%d.%m.%Y", "%d-%m-%Y")
_TIMES = ("%H-%M-%S", "%H%M%S", "%H.%M.%S", "%H_%M_%S", "%Hh%Mm%Ss", "%H-%M", "%H%M", "%Hh%M")
_EXACT_TIMES = tuple(time for time in _TIMES if "%S" in time)
_MOMENTS = (
    *(f"{date}{mark}{time}" for date in _DATES for time in _TIMES for mark in ("T", "_", "-", ".", " ", "")),
    *_DATES,
)
"""How a moment may be written, the exact ones first."""


@dataclass(frozen=True)
class Proposal:
    """A config that is not written yet."""

    text: str
    """Its YAML, with comments."""
    config: Config
    """What that says."""
    table: Table
    """The images that it takes."""
    starter: Starter | None = None
    """The functions of its steps, where the project has none of its own."""


def source_of(folder: str | Path) -> str:
    """The source that reads a folder, told by the files in it as PlantCV does; a file is a table."""
    if os.path.isfile(folder):
        return "table"
    if is_zarr(str(folder).rstrip("/")) or any(Path(folder).glob("*.zarr")):
        return "zarr"
    if os.path.isfile(os.path.join(folder, "metadata.json")):
        return "phenodata"
    return "lemnatec" if os.path.isfile(os.path.join(folder, "SnapshotInfo.csv")) else "directory"


def propose_config(source: str, project: Path) -> Proposal:
    """A config for images that have none.

    Parameters
    ----------
    source
        A folder of images, or a table of them, from the project's folder.
    project
        Where the config is to go: its scripts are looked at for a function of an image.

    Raises
    ------
    PixmakeError
        There is no such folder or table, or no image in it.
    """
    kind = source_of(source)
    comments: dict[Keys, list[str]] = {
        (): ["Proposed by `pixmake inspect`: change it, and check it with `pixmake check`."]
    }
    found: dict[str, Any] = {"path": source}
    if kind == "directory" and Path(source).resolve() == project.resolve():
        found["recursive"] = False
        comments["images", kind, "recursive"] = ["what a run writes lies below this folder, too"]
    lenient = {"unmatched": "skip"} if kind in ("directory", "lemnatec") else {}
    table = read_images(Images.model_validate({kind: {**found, **lenient}}))
    paths = [path for path in table.cells[PATH] if path is not None]
    named = _named(found, paths) if kind == "directory" else None
    if named is not None:
        table, comments["images", kind, named.scheme.key] = named.table, list(_described(named, len(paths)))
        found[named.scheme.key] = named.scheme.names
    if kind == "zarr" and (split := _planes(located(paths[0], table.root))):
        found["split"] = split
        table = read_images(Images.model_validate({kind: found}))
        comments["images", kind, "split"] = ["a row for each of these planes; remove it for whole images"]
    unfit = [note.path or note.where for note in table.notes if not note.why.startswith((NO_FORMAT, TWIN))]
    if unfit and kind == "directory":
        found["unmatched"] = "skip"
        comments["images", kind, "unmatched"] = [_left_out(unfit)]
    images: dict[str, Any] = {kind: found if len(found) > 1 else source}
    if kind == "table" and (root := _root(source, paths)) != ".":
        images["root"] = root
        table = replace(table, root=root)
    if named is not None and named.scheme.timestamp_format:
        images["timestamp_format"] = named.scheme.timestamp_format
    own = _own_step(project)
    channels = [] if own is not None else _channels(table)
    grouping = _fields(table) if channels else []
    if grouping:
        images |= {"group_by": grouping, "name_by": CHANNEL}
        comments["images", "group_by"] = ["the channels of one field are measured together"]
    elif kind != "zarr" and _stems_repeat(paths):
        images["id"] = "{path}"
        comments["images", "id"] = ["some names differ in nothing but their suffix"]
    start = starter(project, channels if grouping else ()) if own is None else None
    content = {"images": images, "steps": own if start is None else start.steps}
    return Proposal(as_yaml(content, comments), parse_config(content), table, start)


@dataclass(frozen=True)
class _Named:
    """How the names of a folder's files are taken apart, and the table that this gives."""

    scheme: Scheme
    table: Table


def _named(found: Mapping[str, Any], paths: Sequence[str]) -> _Named | None:
    """What names say, if that can be guessed: by an instrument's scheme, or else by a template."""
    pictures = [path for path in paths if not THUMBNAIL.search(path)] or list(paths)
    some = pictures[:: max(1, len(pictures) // _SAMPLE)]
    scheme = guess_scheme(some)
    if scheme is None:
        template = guess_template(some)
        scheme = None if template is None else Scheme("", "template", template)
    if scheme is None:
        return None
    asked: dict[str, Any] = {"directory": {**found, scheme.key: scheme.names, "unmatched": "skip"}}
    if scheme.timestamp_format:
        asked["timestamp_format"] = scheme.timestamp_format
    table = read_images(Images.model_validate(asked))
    return _Named(scheme, table) if len(table) >= ENOUGH * len(pictures) else None


def guess_scheme(paths: Sequence[str]) -> Scheme | None:
    """The scheme of an instrument that names follow, with what their folders say; or ``None``.

    Parameters
    ----------
    paths
        Image files, with ``/`` between folders; some of them are enough.
    """
    split = [_parts(path) for path in paths]
    scheme = scheme_of([stem for _, stem in split], ENOUGH)
    if scheme is None or len({len(folders) for folders, _ in split}) > 1:
        return scheme
    columns = [list(dict.fromkeys(column)) for column in zip(*(folders for folders, _ in split), strict=True)]
    if all(len(values) == 1 for values in columns):
        return scheme
    pieces, taken = [], set(scheme.terms)
    for number, values in enumerate(columns, start=1):
        mark, name = _folder_term(values, taken, f"folder{number}")
        taken.add(name)
        pieces.append((mark, name))
    return in_folders(scheme, pieces)


def _folder_term(values: Sequence[str], taken: Set[str], fallback: str) -> tuple[str, str]:
    """What stands before the term that a folder says, and its name; no name for one that all files are in."""
    if len(values) == 1:
        return values[0], ""
    for mark, name in (("TimePoint_", "time"), ("ZStep_", "plane")):
        if name not in taken and all(re.fullmatch(rf"{mark}\d+", value) for value in values):
            return mark, name
    return "", fallback if "plate" in taken else "plate"


def _channels(table: Table) -> list[str]:
    """The texts of the channels, if there are several."""
    texts = table.texts(CHANNEL) if CHANNEL in table.columns else []
    found = sorted({text for text in texts if text is not None})
    return found if len(found) > 1 else []


def _fields(table: Table) -> list[str]:
    """The terms that tell one field from another: all places, and times and planes if there are several."""
    others = [name for name in table.columns if name not in (PATH, CHANNEL)]
    return [name for name in others if name in PLACES or len(set(table.keys(name))) > 1]


def guess_template(paths: Sequence[str]) -> str | None:
    """The template that most of the names fit, or ``None`` if they have too little in common.

    Parameters
    ----------
    paths
        Image files, with ``/`` between folders; some of them are enough.
    """
    if not paths:
        return None
    split = [_parts(path) for path in paths]
    depth, as_deep = Counter(len(folders) for folders, _ in split).most_common(1)[0]
    if as_deep < ENOUGH * len(paths):
        depth = 0
        split = [((), stem) for _, stem in split]
    split = [(folders, stem) for folders, stem in split if len(folders) == depth]
    delimiter, count = _delimiter([stem for _, stem in split])
    rows = [
        (*folders, *parts)
        for folders, stem in split
        if len(parts := stem.split(delimiter) if count > 1 else [stem]) == count
    ]
    if count == 1 and depth == 0:
        return None
    template = _template(rows, depth, delimiter)
    return template if template and _fits(template, paths) else None


def _parts(path: str) -> tuple[tuple[str, ...], str]:
    *folders, _ = path.split("/")
    return tuple(folders), without_suffix(path, FORMATS).rpartition("/")[2]


def _delimiter(stems: Sequence[str]) -> tuple[str, int]:
    """The character that splits most names into as many parts, and that number; 1 if there is none."""
    best, most, parts = "_", 0, 1
    for delimiter in _DELIMITERS:
        counts = Counter(stem.count(delimiter) + 1 for stem in stems)
        counts.pop(1, None)
        count, names = counts.most_common(1)[0] if counts else (1, 0)
        if names > most * 1.02 and names >= ENOUGH * len(stems):
            best, most, parts = delimiter, names, count
    return best, parts


def _template(rows: Sequence[Sequence[str]], depth: int, delimiter: str) -> str:
    """The template of names that are split into the same number of parts, folders first."""
    columns = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    pieces: list[str] = []
    taken: set[str] = set()
    moments = _moments(rows, depth, delimiter)
    types = any(_all_in(values, _IMAGE_TYPES) for values in columns)
    views = any(_all_in(values, _VIEWS) for values in columns)
    prefixes = {values[0][:1] for values in columns if _prefix(values) in _LEMNATEC}
    position = 0
    while position < len(columns):
        is_folder = position < depth
        mark = "/" if is_folder else delimiter
        if position in moments:
            written, length = moments[position]
            pieces.append(f"{{{TIMESTAMP}:{written}}}{mark}")
            position += length
            continue
        values = columns[position]
        fallback = (
            ("folder" if depth == 1 else f"folder{position + 1}")
            if is_folder
            else f"part{position - depth + 1}"
        )
        prefix, name = _term(values, fallback, both=types and views, lemnatec=len(prefixes) > 1)
        if not name:
            pieces.append(_escaped(values[0]) + mark)
        else:
            while name in taken:
                name += "_2"
            taken.add(name)
            pieces.append(f"{_escaped(prefix)}{{{name}}}{mark}")
        position += 1
    template = "".join(pieces)[:-1]
    return template if "{" in template.replace("{{", "") else ""


def _term(values: Sequence[str], fallback: str, *, both: bool, lemnatec: bool) -> tuple[str, str]:
    """What stands before a term, and its name; no name for what is the same word in all files."""
    prefix = _prefix(values)
    if _all_in(values, _IMAGE_TYPES):
        return "", "imgtype" if both else "camera"
    if _all_in(values, _VIEWS):
        return "", "camera"
    if lemnatec and prefix in _LEMNATEC:
        return prefix, _LEMNATEC[prefix]
    if all(re.fullmatch(r"[A-Z][a-z]\d{3}[A-Z]{2}\d{6}", value) for value in values):
        return "", "barcode"
    if _are_angles(values):
        return "", "rotation"
    if word := _counted(values):
        return word, word.lower()
    if len(prefix) > 2 and re.fullmatch(r"[A-Za-z]+", prefix):
        return prefix, prefix.lower()
    if any(value.upper() in _TREATMENTS for value in values):
        return "", "treatment"
    if any(value.upper() in _GENOTYPES for value in values):
        return "", "genotype"
    if len(values) == 1 and values[0].isalpha():
        return values[0], "" if not fallback.startswith("folder") else fallback
    if len(values) > 1 and all(re.fullmatch(r"[A-P]\d{1,2}", value) for value in values):
        return "", "well"
    return "", fallback


def _prefix(values: Sequence[str]) -> str:
    """The letters that all values begin with, if nothing but a number follows them."""
    found = re.fullmatch(r"([A-Za-z]+)[-.]?\d+", values[0])
    if found is None:
        return ""
    follows = re.compile(rf"{found[1]}\d+").fullmatch
    return found[1] if all(follows(value) for value in values) else ""


def _counted(values: Sequence[str]) -> str:
    """The word that all values begin with, if a number or a place such as A07 follows it."""
    found = _COUNTED.match(values[0])
    return found[1] if found and all(value[: found.end()] == found[0] for value in values) else ""


def _all_in(values: Sequence[str], known: set[str]) -> bool:
    return all(value.upper() in known for value in values)


def _are_angles(values: Sequence[str]) -> bool:
    if not 2 <= len(values) <= 72 or not all(re.fullmatch(r"\d{1,3}", value) for value in values):
        return False
    angles = {int(value) for value in values}
    return 0 in angles and 90 <= max(angles) <= 360 and all(angle % 5 == 0 for angle in angles)


def _moments(rows: Sequence[Sequence[str]], depth: int, delimiter: str) -> dict[int, tuple[str, int]]:
    """The parts that say when: position → (how it is written, how many parts it takes).

    One date, or a date and a time of day, which may stand apart: ``2024-01-31/plant7_170500``.
    """
    sample = rows[:: max(1, len(rows) // _SAMPLE)]

    def first_of(formats: Sequence[str], taken: range) -> tuple[int, str, int] | None:
        for length in range(6, 0, -1):
            for first in [*range(depth, len(rows[0]) - length + 1), *(range(depth) if length == 1 else ())]:
                if not set(range(first, first + length)) & set(taken):
                    texts = [delimiter.join(row[first : first + length]) for row in sample]
                    if written := _written(texts, formats):
                        return first, written, length
        return None

    found = first_of(_MOMENTS, range(0))
    if found is None:
        return {}
    first, written, length = found
    moments = {first: (written, length)}
    if written in _DATES:
        time = first_of(_EXACT_TIMES, range(first, first + length))
        if time is not None:
            moments[time[0]] = time[1:]
    return moments


def _written(texts: Sequence[str], formats: Sequence[str]) -> str:
    """The first of the formats in which nearly all texts are a moment of our time; empty if there is none."""
    for written in formats:
        # 000017 may be a number and no time; of a camera's pictures some are taken by day
        if "%Y" in written or any(text >= "06" for text in texts):
            others = (text for text in texts if not _is_moment(text, written))
            if len(list(islice(others, _ODD * len(texts) // 100 + 1))) <= _ODD * len(texts) // 100:
                return written
    return ""


def _is_moment(text: str, written: str) -> bool:
    # strptime takes 1-1-1 and 111, too; names are written with all digits
    if len(text) != len(written) + 2 * ("%Y" in written) or not text[:1].isdigit():
        return False
    try:
        when = datetime.strptime(text, written)
    except ValueError:
        return False
    return "%Y" not in written or 1990 <= when.year < 2100


def _fits(template: str, paths: Sequence[str]) -> bool:
    """Whether it is a template, and most of the names fit it."""
    try:
        parser = name_parser(template, [], "_", None, FORMATS)
    except ValueError:
        return False
    fitting = 0
    for path in paths:
        with suppress(NameMismatch):
            fitting += parser is not None and bool(parser.read(path))
    return fitting >= ENOUGH * len(paths)


def _described(named: _Named, count: int) -> Iterator[str]:
    table, instrument = named.table, named.scheme.instrument
    example = table.cells[PATH][0]
    if instrument:
        yield f"Names as {instrument} writes them, such as {example}:"
    else:
        yield f"Guessed from {count} names such as {example}; call the terms what they are:"
    for column in table.columns[1:]:
        values = set(table.cells[column].tolist())
        shown = ", ".join(str(value) for value in sorted(values, key=_as_sorted)[:4])
        more = ", …" if len(values) > 4 else ""
        yield f"- {column}: {len(values)} {'values' if len(values) > 1 else 'value'}: {shown}{more}"


def _as_sorted(value: Any) -> tuple[bool, Any]:
    return (True, str(value)) if not isinstance(value, (int, float)) else (False, value)


def _left_out(misfits: Sequence[str]) -> str:
    which = f"{len(misfits)} names do not fit" if len(misfits) > 1 else "one name does not fit"
    return f"{which}, such as {misfits[0]}; `error` in place of `skip` stops there"


def _root(table: str, paths: Sequence[str]) -> str:
    """The folder from which a table's paths lead to files: the project's, or the table's own."""
    own = os.path.dirname(table) or "."
    local = [path for path in paths if not is_remote(path)][:1]
    return (
        own if local and not os.path.exists(local[0]) and os.path.exists(os.path.join(own, local[0])) else "."
    )


def _planes(path: str) -> list[str]:
    """The axes along which an OME-Zarr has several planes."""
    described = ngff.describe(path)
    return [axis for axis in PLANES if described.size(axis) > 1]


def _stems_repeat(paths: Sequence[str]) -> bool:
    return len({os.path.splitext(path)[0] for path in paths}) < len(paths)


def _own_step(project: Path) -> dict[str, Any] | None:
    """The first function in ``scripts/`` that needs an image and nothing else, as a step of its name."""
    for file in sorted((project / "scripts").glob("*.py")):
        try:
            content = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue
        if is_starter(content):
            continue
        for node in content.body:
            if isinstance(node, ast.FunctionDef) and _takes_an_image(node.args):
                return {node.name: {"function": f"scripts/{file.name}:{node.name}"}}
    return None


def _takes_an_image(arguments: ast.arguments) -> bool:
    plain = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    needed = [*plain, *(argument for argument, default in named if default is None)]
    return not arguments.posonlyargs and [argument.arg for argument in needed] == ["image"]


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
