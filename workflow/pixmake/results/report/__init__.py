"""The page of results: one HTML file that needs no network, with small pictures beside it for many images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.base.installed import VERSION
from pixmake.images.remote.objects import configure
from pixmake.job.record import PICTURES, STORED, named
from pixmake.results.record_lines import gathered
from pixmake.results.report.content import collect
from pixmake.results.report.kept_records import records_of_page
from pixmake.results.report.page import render
from pixmake.results.report.thumbnails import lay_out, make_thumbnails


def write_report(
    records: str | Path, project: Mapping[str, Any], page: str | Path, kept: str | Path, threads: int = 1
) -> None:
    """Write the page and its small pictures, of which only those that are missing are made.

    Parameters
    ----------
    records
        The file with the records of all jobs.
    project
        What is known of the project: see `pixmake.rules.aggregate_rules.report_project`.
    page
        Where to write it; the pictures lie in `PICTURES` beside it.
    kept
        The folder in which pictures stay from run to run: Snakemake removes a rule's output before it
        runs the rule again.
    threads
        How many pictures are made at a time.
    """
    versions = {"pixmake": VERSION, "Snakemake": version("snakemake")}
    known = {"title": Path.cwd().name, "versions": versions, **project}
    configure(known.pop("storage", {}))
    folder = str(Path(page).parent)
    # where results lie elsewhere, nothing stays here from run to run
    seen = gathered(records) if os.environ.get(STORED) else records_of_page(records, folder)
    content = collect(seen, known, Path(named(folder)))
    thumbnails = make_thumbnails(content.pictures, Path(kept), threads)
    lay_out(thumbnails, Path(kept), Path(folder) / PICTURES)
    with (
        written_whole(page) as temporary,
        open(temporary, "w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(render(content, thumbnails, Path(named(folder)), PICTURES))
