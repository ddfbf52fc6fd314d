"""Results in PlantCV's own forms: its merged JSON, and the two tables that its ``json2csv`` makes of it.

An image is an entity. The measurements of its steps are its observations: those of a PlantCV step with
their sample, trait and method, those of any other step with the sample ``default`` and the trait's name.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from pixmake.base.files import written_whole
from pixmake.base.plantcv_json import images_of, read_merged
from pixmake.job.record import Record
from pixmake.results.tables import NOT_FINITE, Tables

DEFAULT_SAMPLE = "default"
NONE = "none"
"""How PlantCV says that there is no value, no scale, no label."""

TEXT = "<class 'str'>"
SEVERAL = ("<class 'list'>", "<class 'tuple'>", "<type 'list'>", "<type 'tuple'>")
SINGLE = tuple(f"<{word} '{name}'>" for word in ("class", "type") for name in ("bool", "int", "float", "str"))

TIMESTAMP = "timestamp"
TIME = "<class 'datetime.datetime'>"

LABELS = {
    "camera": "camera identifier",
    "imgtype": "image type",
    "zoom": "camera zoom setting",
    "exposure": "camera exposure setting",
    "gain": "camera gain setting",
    "frame": "image series frame identifier",
    "rotation": "sample rotation in degrees",
    "lifter": "imaging platform height setting",
    TIMESTAMP: "datetime of image",
    "id": "image identifier",
    "barcode": "plant barcode identifier",
    "treatment": "treatment identifier",
    "cartag": "plant carrier identifier",
    "measurementlabel": "experiment identifier",
    "other": "other identifier",
}
"""What PlantCV calls the metadata terms that it knows."""

_OF_RUN = ("run_date", "plantcv_version")
"""What PlantCV notes last; these two alone differ from run to run."""

_DATATYPES = {"integer": int, "number": float, "bool": bool, "text": str}


@dataclass
class _Spooled:
    """Entities on their way into the files, and what is known of all of them."""

    entities: IO[str]
    terms: dict[str, None] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """The data type of each variable."""
    single: dict[tuple[str, str], None] = field(default_factory=dict)
    """Variable and label of each single value."""
    current: dict[str, Any] | None = None
    current_id: str = ""


@contextmanager
def plantcv_results(
    paths: Sequence[str | Path],
    terms: Sequence[str],
    tables: Tables,
    append: str | Path | None = None,
) -> Iterator[Callable[[Record], None]]:
    """Open PlantCV's three result files, and give a function that takes records, image by image.

    Memory holds a key a row of the table of single values, since that table is sorted.

    Parameters
    ----------
    paths
        The merged JSON, the table of single values, the table of several values.
    terms
        The metadata terms, in the order of the table of images.
    tables
        What is known of all records: an image of a step that measures is an entity, whether anything was
        found in it or not, and a trait is of one type.
    append
        A merged JSON of PlantCV's, whose entities stand first, but for those of images that are in the
        records, too. Memory holds it as a whole.

    Raises
    ------
    PixmakeError
        ``append`` is no such file.
    """
    earlier = None if append is None else read_merged(append)
    with ExitStack() as stack:
        json_file, single_file, several_file = (
            stack.enter_context(
                open(stack.enter_context(written_whole(path)), "w", newline="", encoding="utf-8")
            )
            for path in paths
        )
        spooled = _Spooled(stack.enter_context(TemporaryFile("w+", encoding="utf-8")))
        known = in_plantcvs_order([term for term in terms if term != "path"])
        yield lambda record: _take(spooled, record, known, tables)
        _end_entity(spooled)
        if earlier is not None:
            spooled = _joined(earlier, spooled, stack.enter_context(TemporaryFile("w+", encoding="utf-8")))
        _write_json(spooled, json_file)
        _write_single(spooled, single_file)
        _write_several(spooled, several_file)


def in_plantcvs_order(terms: Sequence[str]) -> list[str]:
    """Metadata terms as PlantCV orders them: the time, those that it does not know, those that it knows."""
    times = [term for term in terms if term == TIMESTAMP]
    own = [term for term in terms if term not in LABELS]
    return [*times, *own, *(term for term in terms if term in LABELS and term != TIMESTAMP)]


def _take(spooled: _Spooled, record: Record, terms: Sequence[str], tables: Tables) -> None:
    """Add a record's measurements to its image's entity; one that failed has none."""
    if record.status != "ok" or not (record.measurements or record.step in tables.measuring):
        return
    if spooled.current is None or spooled.current_id != record.id:
        _end_entity(spooled)
        spooled.current_id = record.id
        spooled.current = {"metadata": _metadata(record, terms), "observations": {}}
    metadata, observations = spooled.current["metadata"], spooled.current["observations"]
    for name, content in record.measurements.items():
        if "term" in content:  # what a PlantCV script added to the metadata
            value = _number(content["value"])
            value = value if isinstance(value, list) else [value]
            metadata[content["term"]] = {"datatype": content.get("datatype") or TEXT, "value": value}
            continue
        variables = observations.setdefault(content.get("sample") or DEFAULT_SAMPLE, {})
        variable = content.get("variable") or name
        if variable in variables:
            variable = f"{record.step}.{variable}"
        variables[variable] = _observation(record.step, name, content, tables.types[record.step, name])
    if "plantcv" in record.run:
        for term, value in zip(_OF_RUN, (record.run.get("started"), record.run["plantcv"]), strict=True):
            metadata.pop(term, None)
            metadata[term] = {"datatype": TEXT, "value": [value]}


def _metadata(record: Record, terms: Sequence[str]) -> dict[str, Any]:
    """The terms, of each a value an image, as text; then the images."""
    count = max(1, len(record.images))
    metadata: dict[str, Any] = {}
    written = record.terms
    for term in terms:
        value = written.get(term)
        values = value if isinstance(value, list) and len(value) == count else [value] * count
        metadata[term] = {
            "label": LABELS.get(term, term),
            "datatype": TIME if term == TIMESTAMP else TEXT,
            "value": [NONE if each is None else str(each) for each in values],
        }
    name = "filepath" if str(record.run.get("plantcv", "4")).startswith("5") else "image"
    metadata[name] = {"label": "image files", "datatype": TEXT, "value": list(record.images)}
    return metadata


def _observation(step: str, name: str, content: Any, type_: str) -> dict[str, Any]:
    value = content["value"]
    scale = content.get("scale") or content.get("unit") or NONE
    label = content.get("label")
    if isinstance(value, list) and not (isinstance(label, list) and len(label) == len(value)):
        label = list(range(len(value)))
    return {
        "trait": content.get("trait") or name,
        "method": content.get("method") or step,
        "scale": scale,
        "datatype": content.get("datatype") or _datatype(value, type_),
        "value": _number(value),
        "label": scale if label is None else label,
    }


def _datatype(value: Any, type_: str) -> str:
    """The type of a value as PlantCV says it: that of its column, which an empty value has, too."""
    return str(list if isinstance(value, list) else _DATATYPES.get(type_, type(value)))


def _number(value: Any) -> Any:
    if isinstance(value, list):
        return [_number(each) for each in value]
    return None if isinstance(value, str) and value in NOT_FINITE else value


def _end_entity(spooled: _Spooled) -> None:
    entity = spooled.current
    if entity is None:
        return
    spooled.terms.update(dict.fromkeys(entity["metadata"]))
    for variables in entity["observations"].values():
        for variable, content in variables.items():
            spooled.variables[variable] = content["datatype"]
    spooled.entities.write(json.dumps(entity, ensure_ascii=False) + "\n")
    spooled.current = None


def _joined(earlier: Mapping[str, Any], spooled: _Spooled, entities: IO[str]) -> _Spooled:
    """The entities of an earlier file, but for those of images that are here, too; then those here.

    As in PlantCV, a variable that both know is of the type that it has last.
    """
    of_run = {images_of(entity) for entity in _entities(spooled)}
    joined = _Spooled(entities)
    for name, said in earlier["variables"].items():
        if said["category"] == "metadata":
            joined.terms[name] = None
        else:
            joined.variables[name] = said["datatype"]
    for entity in earlier["entities"]:
        images = images_of(entity)
        if not images or images not in of_run:
            joined.current = entity
            _end_entity(joined)
    joined.terms.update(spooled.terms)
    joined.variables.update(spooled.variables)
    spooled.entities.seek(0)
    shutil.copyfileobj(spooled.entities, entities)
    return joined


def _entities(spooled: _Spooled) -> Iterator[dict[str, Any]]:
    spooled.entities.seek(0)
    return map(json.loads, spooled.entities)


def _write_json(spooled: _Spooled, file: IO[str]) -> None:
    variables = {term: {"category": "metadata", "datatype": TEXT} for term in spooled.terms}
    for name, datatype in spooled.variables.items():
        variables[name] = {"category": "observations", "datatype": datatype}
    file.write(f'{{"variables": {json.dumps(variables, ensure_ascii=False, indent=4)},\n"entities": [')
    spooled.entities.seek(0)
    for number, line in enumerate(spooled.entities):
        file.write((",\n" if number else "\n") + line.rstrip("\n"))
    file.write("\n]}\n")


def _write_several(spooled: _Spooled, file: IO[str]) -> None:
    """A row a value: metadata, sample, trait, value, label."""
    several = [name for name, datatype in spooled.variables.items() if datatype in SEVERAL]
    write = csv.writer(file, lineterminator="\n").writerow
    write([*spooled.terms, "sample", "trait", "value", "label"])
    for entity in _entities(spooled):
        metadata = _metadata_cells(spooled.terms, entity)
        for sample, variables in entity["observations"].items():
            for name in several:
                for value, label in _several(variables, name):
                    write([*metadata, sample, name, str(value), str(label)])


def _several(variables: dict[str, Any], name: str) -> Iterator[tuple[Any, Any]]:
    """Values and labels; ``NA`` where a sample has none, and a single value by itself, as PlantCV has it."""
    value, label = _single(variables, name)
    if isinstance(value, list):
        yield from zip(value, label, strict=False)
    else:
        yield value, label


def _write_single(spooled: _Spooled, file: IO[str]) -> None:
    """A row a sample: metadata, sample, then ``<variable>_<label>``; rows and columns sorted.

    As PlantCV's ``json2csv`` does it with pandas, a row or a column in which no cell is filled is left out.
    """
    single = [name for name, datatype in spooled.variables.items() if datatype in SINGLE]
    columns: set[tuple[str, bool, Any]] = set()
    rows: dict[tuple[str, ...], list[int]] = {}
    spooled.entities.seek(0)
    position = 0
    while line := spooled.entities.readline():
        entity = json.loads(line)
        metadata = _metadata_cells(spooled.terms, entity)
        for sample, variables in entity["observations"].items():
            filled = _filled(variables, single)
            columns.update(filled)
            if filled:
                rows.setdefault((*metadata, sample), []).append(position)
        position = spooled.entities.tell()
    ordered = sorted(columns)
    write = csv.writer(file, lineterminator="\n").writerow
    write([*spooled.terms, "sample", *(f"{name}_{label}" for name, _, label in ordered)])
    for key, positions in sorted(rows.items()):
        cells: dict[tuple[str, bool, Any], Any] = {}
        for position in positions:  # two images with the same metadata: the last one counts, as in PlantCV
            spooled.entities.seek(position)
            cells |= _filled(json.loads(spooled.entities.readline())["observations"][key[-1]], single)
        write([*key, *(cells.get(column) for column in ordered)])


def _filled(variables: dict[str, Any], single: Sequence[str]) -> dict[tuple[str, bool, Any], Any]:
    """The cells of a sample that are not empty, by variable and label; numbers among labels stand first."""
    cells = {}
    for name in single:
        for value, label in _several(variables, name):
            if value is not None:
                is_text = not isinstance(label, (int, float))
                cells[name, is_text, str(label) if is_text else label] = value
    return cells


def _single(variables: dict[str, Any], name: str) -> tuple[Any, Any]:
    """Value and label; ``NA`` where a sample has none, as PlantCV has it."""
    if name not in variables:
        return "NA", "NA"
    content = variables[name]
    value = content["value"]
    return int(value) if isinstance(value, bool) else value, content["label"]


def _metadata_cells(terms: Iterable[str], entity: Any) -> list[str]:
    """The metadata as PlantCV writes them: several values sorted, each once, joined by ``_``."""
    cells = []
    for term in terms:
        content = entity["metadata"].get(term)
        if content is None:
            cells.append("NA")
            continue
        values = {NONE if value is None else value for value in content["value"]}
        texts = len({type(value) for value in values}) > 1
        cells.append("_".join(map(str, sorted(map(str, values) if texts else values))))
    return cells
