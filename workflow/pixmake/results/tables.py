"""The tables of a run as data: which there are, their columns, and the rows that a record adds to each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pixmake.job.record import PREREQUISITE, Record
from pixmake.results.image_counts import declares_measurements
from pixmake.table.term_names import OURS, WHY, column_names

Type = Literal["integer", "number", "bool", "text"]
NOT_FINITE = ("nan", "inf", "-inf")
"""How a record, which is JSON, says the numbers that JSON lacks."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, what its cells are, and their unit if they have one."""

    name: str
    type: Type = "text"
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table's name and its columns."""

    name: str
    columns: tuple[Column, ...]

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]


@dataclass(frozen=True)
class Tables:
    """The tables of a run, and what fills them."""

    measurements: Table
    measurements_long: Table
    failures: Table
    runs: Table
    files: Table
    columns: Table
    described: tuple[Sequence[Any], ...]
    """The rows of ``columns``."""
    renamed: Mapping[tuple[str, str], str]
    """The column of a step's measurement, where that is not its name."""
    terms: Mapping[str, str]
    """The column of each metadata term."""
    in_failures: Mapping[str, str]
    """The same in the table of failures."""
    measuring: frozenset[str] = frozenset()
    """The steps that measure: each of their images has a row, an empty one if it measured nothing."""
    types: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Of each step's measurement what its values are: a `Type`, or ``several``."""

    @property
    def all(self) -> tuple[Table, ...]:
        """The tables, in the order in which they are written."""
        return (
            *(self.measurements, self.measurements_long, self.failures),
            *(self.runs, self.files, self.columns),
        )

    def rows(self, record: Record) -> Iterator[tuple[str, list[Any]]]:
        """What a record adds: the name of a table and a row, as often as there are any."""
        yield self.runs.name, _values(self.runs, _run_row(record))
        for name, path in _files_of(record):
            yield self.files.name, [record.id, record.step, name, path]
        if record.error is not None:
            if record.error.type != PREREQUISITE:
                yield self.failures.name, _values(self.failures, _failure_row(record, self.in_failures))
        elif record.measurements or record.step in self.measuring:
            yield self.measurements.name, _values(self.measurements, self._measurement_row(record))
            yield from ((self.measurements_long.name, row) for row in _long_rows(record))

    def _measurement_row(self, record: Record) -> dict[str, Any]:
        row = {self.terms.get(term, term): value for term, value in record.terms.items()}
        for name, content in record.measurements.items():
            row[self.renamed.get((record.step, name), name)] = content["value"]
        return {**row, "id": record.id, "step": record.step}


@dataclass
class _Found:
    """What the records say of one column."""

    steps: dict[str, dict[str, dict[str, None]]] = field(default_factory=dict)
    """By step, of each property (unit, scale, …) the texts that occur."""
    types: set[str] = field(default_factory=set)


_PROPERTIES = ("unit", "scale", "datatype", "trait", "method")
DESCRIPTION = ("column", "kind", "step", "type", *_PROPERTIES)
"""What the table ``columns`` says of each column of ``measurements``."""


Shape = tuple[
    str,
    bool,
    tuple[tuple[str, str], ...],
    tuple[str, ...],
    tuple[tuple[str, str, tuple[str, ...], tuple[tuple[str, str], ...]], ...],
]
"""What a record has a say in, of which tables there are: its step; whether that measures; the type of each
column of its run and of each metadata term; of each measurement its name, its type, those of its several
values, and its properties. Most records have one of a few shapes."""


def survey(records: Iterable[Record], terms: Sequence[str]) -> Tables:
    """The tables that records make: one look at each record, memory for the columns alone.

    Parameters
    ----------
    records
        In the order of the rows.
    terms
        The metadata terms, in the table's order.
    """
    return tables_of((shape_of(record, terms) for record in records), terms)


def shape_of(record: Record, terms: Sequence[str]) -> Shape:
    """The shape of a record; see `Shape`."""
    terms_of = record.terms
    measured = []
    for name, content in record.measurements.items():
        value = content["value"]
        of_values = sorted({type_of(each) for each in value}) if isinstance(value, list) else ()
        said = [(key, str(content[key])) for key in _PROPERTIES if content.get(key) not in (None, "")]
        measured.append((name, type_of(value), tuple(of_values), tuple(said)))
    return (
        record.step,
        record.error is None and bool(record.measurements or declares_measurements(record)),
        tuple([(name, type_of(value)) for name, value in _run_row(record).items()]),
        tuple([type_of(terms_of.get(term)) for term in column_names(terms)]),
        tuple(measured),
    )


def tables_of(shapes: Iterable[Shape], terms: Sequence[str]) -> Tables:
    """The tables of records of some shapes, each in the place where it first occurs; see `survey`."""
    in_tables = column_names(terms)
    of_terms = {term: _Found() for term in in_tables}
    by_step: dict[str, dict[str, _Found]] = {}
    of_runs: dict[str, _Found] = {"id": _Found({}, {"text"}), "step": _Found(), "status": _Found()}
    values = _Found()
    measuring: set[str] = set()
    for step, measures, of_run, types, of_measurements in dict.fromkeys(shapes):
        if measures:
            measuring.add(step)
        for name, type_ in of_run:
            of_runs.setdefault(name, _Found()).types.add(type_)
        for found, type_ in zip(of_terms.values(), types, strict=True):
            found.types.add(type_)
        for name, type_, several, properties in of_measurements:
            found = by_step.setdefault(step, {}).setdefault(name, _Found())
            found.types.add(type_)
            values.types.update(several)
            said = found.steps.setdefault(step, {})
            for key, text in properties:
                said.setdefault(key, {})[text] = None
    taken = {*OURS, *in_tables.values()}
    renamed = {
        (step, name): f"{step}.{name}" for step, names in by_step.items() for name in names if name in taken
    }
    measured: dict[str, _Found] = {}
    for step, names in by_step.items():
        for name, found in names.items():
            column = measured.setdefault(renamed.get((step, name), name), _Found())
            column.types |= found.types
            column.steps |= found.steps
    of_ids = (Column("id"), Column("step"))
    as_terms = tuple(Column(in_tables[term], _type(found)) for term, found in of_terms.items())
    in_failures = column_names(terms, (*OURS, *WHY))
    as_failed = tuple(Column(in_failures[term], _type(found)) for term, found in of_terms.items())
    as_measured = tuple(Column(name, _type(found), _unit(found)) for name, found in measured.items())
    long = (Column("measurement"), Column("value", _type(values)), Column("label"))
    why = tuple(map(Column, WHY))
    return Tables(
        measurements=Table("measurements", (*of_ids, *as_terms, *as_measured)),
        measurements_long=Table("measurements_long", (*of_ids, *long)),
        failures=Table("failures", (*of_ids, *why, *as_failed)),
        runs=Table("runs", tuple(Column(name, _type(found)) for name, found in of_runs.items())),
        files=Table("files", (*of_ids, Column("name"), Column("path"))),
        columns=Table("columns", tuple(map(Column, DESCRIPTION))),
        described=tuple(_described({in_tables[term]: found for term, found in of_terms.items()}, measured)),
        renamed=renamed,
        terms=in_tables,
        in_failures=in_failures,
        measuring=frozenset(measuring),
        types={
            (step, name): _kind(found) for step, names in by_step.items() for name, found in names.items()
        },
    )


def term_columns(metadata: Iterable[Mapping[str, Any]], terms: Sequence[str]) -> dict[str, Column]:
    """The column of each metadata term: its type is what the values of all jobs allow."""
    names = column_names(terms)
    found = {term: _Found() for term in names}
    for values in metadata:
        for term, of_term in found.items():
            of_term.types.add(type_of(values.get(term)))
    return {term: Column(names[term], _type(of_term)) for term, of_term in found.items()}


def _failure_row(record: Record, columns: Mapping[str, str]) -> dict[str, Any]:
    """A failed record as a row: why, where its log is, and its metadata."""
    assert record.error is not None
    return {
        **{columns.get(term, term): value for term, value in record.terms.items()},
        "id": record.id,
        "step": record.step,
        "error": record.error.type,
        "message": record.error.message,
        "log": record.error.log,
    }


def type_of(value: Any) -> str:
    """The type of a cell: that of a column, ``list`` for several values, or nothing if it is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "integer" if abs(value) < 2**63 else "number"
    if isinstance(value, float) or value in NOT_FINITE:
        return "number"
    return "list" if isinstance(value, (list, dict)) else "text"


def cell(value: Any) -> Any:
    """A value as one cell: several values become JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _type(found: _Found) -> Type:
    types = found.types - {""}
    if types <= {"integer"}:
        return "integer" if types else "text"
    if types <= {"integer", "number"}:
        return "number"
    return "bool" if types == {"bool"} else "text"


def _kind(found: _Found) -> str:
    return "several" if "list" in found.types else _type(found)


def _unit(found: _Found) -> str:
    units = dict.fromkeys(text for said in found.steps.values() for text in said.get("unit", ()))
    return " | ".join(units)


def _described(terms: Mapping[str, _Found], measured: Mapping[str, _Found]) -> Iterator[list[Any]]:
    for name, found in terms.items():
        yield [name, "term", "", _type(found), *[""] * len(_PROPERTIES)]
    for name, found in measured.items():
        kind = _kind(found)
        for step, said in found.steps.items():
            yield [name, "measurement", step, kind, *(" | ".join(said.get(key, ())) for key in _PROPERTIES)]


def _values(table: Table, row: Mapping[str, Any]) -> list[Any]:
    return [cell(row.get(column.name)) for column in table.columns]


def _run_row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {"id": record.id, "step": record.step, "status": record.status}
    for name, value in record.run.items():
        if isinstance(value, Mapping):
            row.update({f"{name}.{key}": cell(each) for key, each in value.items()})
        else:
            row[name] = cell(value)
    return row


def _files_of(record: Record) -> Iterator[tuple[str, str]]:
    single = len(record.images) == 1
    for number, path in enumerate(record.images, 1):
        yield "image" if single else f"image{number}", path
    yield from record.files.items()


def _long_rows(record: Record) -> Iterator[list[Any]]:
    for name, content in record.measurements.items():
        values = content["value"]
        if not isinstance(values, list):
            continue
        labels = content.get("label")
        if not isinstance(labels, list) or len(labels) != len(values):
            labels = [labels if isinstance(labels, str) else number for number in range(len(values))]
        for value, label in zip(values, labels, strict=True):
            yield [record.id, record.step, name, cell(value), cell(label)]
