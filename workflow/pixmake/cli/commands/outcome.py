"""What the rules of ``aggregate.smk`` run: records, tables, functions of the tables, provenance and page."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from pathlib import Path

from pixmake.base.errors import PixmakeError, Problem, in_words
from pixmake.cli.commands.options import Commands, add_listed, listed


def add(commands: Commands) -> None:
    """Add their parsers."""
    records = commands.add_parser("records", description="Records in one file.")
    records.set_defaults(run=_records)
    records.add_argument("gathered")
    add_listed(records)
    aggregate = commands.add_parser("aggregate", description="The tables from gathered records.")
    aggregate.set_defaults(run=_aggregate)
    aggregate.add_argument("gathered")
    for option in ("--columns", "--formats", "--measurements"):
        aggregate.add_argument(option, required=True)
    complete = commands.add_parser("complete", description="An error if more images failed than may.")
    complete.set_defaults(run=_complete)
    complete.add_argument("gathered")
    complete.add_argument("output")
    complete.add_argument("--allowed", required=True)
    provenance = commands.add_parser(
        "provenance",
        description="The provenance from gathered records and what stdin says of the project, as JSON.",
    )
    provenance.set_defaults(run=_provenance)
    provenance.add_argument("gathered")
    provenance.add_argument("output")
    summarise = commands.add_parser("summarise", description="A function of the tables.")
    summarise.set_defaults(run=_summarise)
    summarise.add_argument("task")
    summarise.add_argument("--measurements", required=True)
    page = commands.add_parser("page", description="The page of results from gathered records.")
    page.set_defaults(run=_page)
    page.add_argument("gathered")
    page.add_argument("page")
    for option in ("--columns", "--project", "--kept"):
        page.add_argument(option, required=True)
    page.add_argument("--threads", type=int, default=1)


def _records(arguments: argparse.Namespace) -> int:
    from pixmake.results.record_lines import gather

    with in_words(), listed(arguments) as paths:
        gather(paths, arguments.gathered)
    return 0


def _aggregate(arguments: argparse.Namespace) -> int:
    from pixmake.config.table_formats import Formats
    from pixmake.results.aggregate import write_tables

    with in_words():
        columns = json.loads(arguments.columns)
        formats = Formats(**json.loads(arguments.formats))
        write_tables(arguments.gathered, columns, str(Path(arguments.measurements).parent), formats)
    return 0


def _complete(arguments: argparse.Namespace) -> int:
    from pixmake.base.files import written_whole
    from pixmake.progress.exit_status import failures_in
    from pixmake.results.record_lines import gathered

    with in_words():
        allowed = json.loads(arguments.allowed)
        failures = failures_in(gathered(arguments.gathered), allowed["over_several"])
        where = f"see {Path(arguments.gathered).parent}/failures.csv"
        told = failures.told(allowed["max_failures"], where)
        if failures.too_many(allowed["max_failures"]):
            raise PixmakeError([Problem(told)])
        with written_whole(arguments.output) as temporary:
            temporary.write_text(f"{told or 'No image failed'}\n", encoding="utf-8")
    return 0


def _summarise(arguments: argparse.Namespace) -> int:
    from pixmake.results.summarise import summarise

    summarise(json.loads(arguments.task), str(Path(arguments.measurements).parent))
    return 0


def _page(arguments: argparse.Namespace) -> int:
    from pixmake.results.report import write_report

    gc.disable()  # all that is read is held until the page is written: to look for garbage in it is a fifth
    with in_words():
        project = {"terms": json.loads(arguments.columns), **json.loads(arguments.project)}
        write_report(arguments.gathered, project, arguments.page, arguments.kept, arguments.threads)
    return 0


def _provenance(arguments: argparse.Namespace) -> int:
    from pixmake.results.provenance import write_provenance

    with in_words():
        write_provenance(arguments.gathered, json.loads(sys.stdin.readline()), arguments.output)
    return 0
