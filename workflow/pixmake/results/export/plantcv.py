"""Results in PlantCV's own forms: its merged JSON, and the two tables that its ``json2csv`` makes of it.

An image is an entity. The measurements of its steps are its observations: those of a PlantCV step with
their sample, trait and method, those of any other step with the sample ``default`` and the trait's name.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from pixmake.base.files import written_whole
from pixmake.job.record import Record
from pixmake.results.tables import NOT_FINITE

DEFAULT_SAMPLE = "default"
TEXT = "<class 'str'>"
SEVERAL = ("<class 'list'>", "<class 'tuple'>", "<type 'list'>", "<type 'tuple'>")
SINGLE = tuple(f"<{word} '{name}'>" for word in ("class", "type") for name in ("bool", "int", "float", "str"))

LABELS = {
    "camera": "camera identifier",
    "imgtype": "image type",
    "zoom": "camera zoom setting",
    "exposure": "camera exposure setting",
    "gain": "camera gain setting",
    "frame": "image series frame identifier",
    "rotation": "image rotation in degrees",
    "lifter": "imaging platform height setting",
    "timestamp": "datetime of image",
    "id": "image identifier",
    "plantbarcode": "plant barcode identifier",
    "treatment": "treatment identifier",
    "cartag": "plant carrier identifier",
    "measurementlabel": "experiment identifier",
    "other": "other identifier",
    "image": "image files",
}
"""What PlantCV calls its metadata terms."""


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
def plantcv_results(paths: Sequence[str | Path], terms: Sequence[str]) -> Iterator[Callable[[Record], None]]:
    """Open PlantCV's three result files, and give a function that takes records, image by image.

    Memory holds a key a row of the table of single values, since that table is sorted.

    Parameters
    ----------
    paths
        The merged JSON, the table of single values, the table of several values.
    terms
        The metadata terms, in the order of the table of images.
    """
    with ExitStack() as stack:
        json_file, single_file, several_file = (
            stack.enter_context(
                open(stack.enter_context(written_whole(path)), "w", newline="", encoding="utf-8")
            )
            for path in paths
        )
        spooled = _Spooled(stack.enter_context(TemporaryFile("w+", encoding="utf-8")))
        spooled.terms.update(dict.fromkeys(terms))
        yield lambda record: _take(spooled, record)
        _end_entity(spooled)
        _write_json(spooled, json_file)
        _write_single(spooled, single_file)
        _write_several(spooled, several_file)


def _take(spooled: _Spooled, record: Record) -> None:
    """Add a record's measurements to its image's entity; one that failed has none."""
    if record.status != "ok":
        return
    if spooled.current is None or spooled.current_id != record.id:
        _end_entity(spooled)
        spooled.current_id = record.id
        spooled.current = {"metadata": _metadata(record), "observations": {}}
    if "plantcv" in record.run:
        # what PlantCV itself notes of a run; these two alone differ from run to run
        for term, value in (
            ("run_date", record.run.get("started")),
            ("plantcv_version", record.run["plantcv"]),
        ):
            spooled.current["metadata"][term] = {"datatype": TEXT, "value": [value]}
    observations = spooled.current["observations"]
    for name, content in record.measurements.items():
        if "term" in content:  # what a PlantCV script added to the metadata
            value = _number(content["value"])
            value = value if isinstance(value, list) else [value]
            added = {"datatype": content.get("datatype") or TEXT, "value": value}
            spooled.current["metadata"][content["term"]] = added
            continue
        variables = observations.setdefault(content.get("sample") or DEFAULT_SAMPLE, {})
        variable = content.get("variable") or name
        if variable in variables:
            variable = f"{record.step}.{variable}"
        variables[variable] = _observation(record.step, name, content)


def _metadata(record: Record) -> dict[str, Any]:
    given = {term: value for term, value in record.terms.items() if term != "path"}
    metadata: dict[str, Any] = {
        term: {
            "label": LABELS.get(term, term),
            "datatype": TEXT,
            "value": value if isinstance(value, list) else [value],
        }
        for term, value in given.items()
    }
    name = "filepath" if str(record.run.get("plantcv", "4")).startswith("5") else "image"
    metadata[name] = {"label": LABELS["image"], "datatype": TEXT, "value": list(record.images)}
    return metadata


def _observation(step: str, name: str, content: Any) -> dict[str, Any]:
    value = content["value"]
    scale = content.get("scale") or content.get("unit") or "none"
    label = content.get("label")
    if isinstance(value, list):
        value = [_number(each) for each in value]
        if not isinstance(label, list) or len(label) != len(value):
            label = list(range(len(value)))
    return {
        "trait": content.get("trait") or name,
        "method": content.get("method") or step,
        "scale": scale,
        "datatype": content.get("datatype") or str(type(content["value"])),
        "value": _number(value),
        "label": scale if label is None else label,
    }


def _number(value: Any) -> Any:
    return None if isinstance(value, str) and value in NOT_FINITE else value


def _end_entity(spooled: _Spooled) -> None:
    entity = spooled.current
    if entity is None or not entity["observations"]:
        return
    spooled.terms.update(dict.fromkeys(entity["metadata"]))
    for variables in entity["observations"].values():
        for variable, content in variables.items():
            spooled.variables[variable] = content["datatype"]
    spooled.entities.write(json.dumps(entity, ensure_ascii=False) + "\n")
    spooled.current = None


def _entities(spooled: _Spooled) -> Iterator[dict[str, Any]]:
    spooled.entities.seek(0)
    return map(json.loads, spooled.entities)


def _write_json(spooled: _Spooled, file: IO[str]) -> None:
    used = [term for term in spooled.terms if term != "path"]
    variables = {term: {"category": "metadata", "datatype": TEXT} for term in used}
    for name, datatype in spooled.variables.items():
        variables[name] = {"category": "observations", "datatype": datatype}
    file.write(f'{{"variables": {json.dumps(variables, ensure_ascii=False, indent=4)},\n"entities": [')
    spooled.entities.seek(0)
    for number, line in enumerate(spooled.entities):
        file.write((",\n" if number else "\n") + line.rstrip("\n"))
    file.write("\n]}\n")


def _write_several(spooled: _Spooled, file: IO[str]) -> None:
    """A row a value: metadata, sample, trait, value, label."""
    terms = _terms(spooled)
    several = [name for name, datatype in spooled.variables.items() if datatype in SEVERAL]
    write = csv.writer(file, lineterminator="\n").writerow
    write([*terms, "sample", "trait", "value", "label"])
    for entity in _entities(spooled):
        metadata = _metadata_cells(terms, entity)
        for sample, variables in entity["observations"].items():
            for name in several:
                if name not in variables:
                    write([*metadata, sample, name, "NA", "NA"])
                    continue
                content = variables[name]
                for value, label in zip(content["value"], content["label"], strict=False):
                    write([*metadata, sample, name, value, label])


def _write_single(spooled: _Spooled, file: IO[str]) -> None:
    """A row a sample: metadata, sample, then ``<variable>_<label>``; rows and columns sorted."""
    terms = _terms(spooled)
    single = [name for name, datatype in spooled.variables.items() if datatype in SINGLE]
    columns: set[tuple[str, str]] = set()
    rows: dict[tuple[str, ...], list[int]] = {}
    spooled.entities.seek(0)
    position = 0
    while line := spooled.entities.readline():
        entity = json.loads(line)
        metadata = _metadata_cells(terms, entity)
        for sample, variables in entity["observations"].items():
            rows.setdefault((*metadata, sample), []).append(position)
            columns.update((name, str(_single(variables, name)[1])) for name in single)
        position = spooled.entities.tell()
    ordered = sorted(columns)
    write = csv.writer(file, lineterminator="\n").writerow
    write([*terms, "sample", *(f"{name}_{label}" for name, label in ordered)])
    for key, positions in sorted(rows.items()):
        cells: dict[tuple[str, str], Any] = {}
        for position in positions:  # two images with the same metadata: the last one counts, as in PlantCV
            spooled.entities.seek(position)
            variables = json.loads(spooled.entities.readline())["observations"][key[-1]]
            for name in single:
                value, label = _single(variables, name)
                cells[name, str(label)] = value
        write([*key, *(cells.get(column) for column in ordered)])


def _single(variables: dict[str, Any], name: str) -> tuple[Any, Any]:
    """Value and label; ``NA`` where a sample has none, as PlantCV has it."""
    if name not in variables:
        return "NA", "NA"
    content = variables[name]
    value = content["value"]
    return int(value) if isinstance(value, bool) else value, content["label"]


def _terms(spooled: _Spooled) -> list[str]:
    return [term for term in spooled.terms if term != "path"]


def _metadata_cells(terms: Sequence[str], entity: Any) -> list[str]:
    """The metadata as PlantCV writes them: several values sorted, each once, joined by ``_``."""
    cells = []
    for term in terms:
        content = entity["metadata"].get(term)
        if content is None:
            cells.append("NA")
            continue
        values = {"none" if value is None else value for value in content["value"]}
        texts = len({type(value) for value in values}) > 1
        cells.append("_".join(map(str, sorted(map(str, values) if texts else values))))
    return cells
