"""What the rules of ``workflow/rules/aggregate.smk`` are made of, and the same as text."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from pydantic import BaseModel

from pixmake.base import plugins
from pixmake.base.installed import WORKFLOW
from pixmake.config.aggregate import table_files
from pixmake.config.table_formats import DATABASE, PLANTCV, TABLES
from pixmake.job.record import KEPT_PICTURES, PICTURES
from pixmake.job.task import one_line
from pixmake.plan.found_images import found_path
from pixmake.plan.plan import Plan, gathered_path
from pixmake.plan.table_functions import PlannedFunction
from pixmake.results.provenance import provenance_file
from pixmake.rules.image_rules import collected, over_several, records

KEPT = KEPT_PICTURES
"""Where the page finds small pictures that are made."""

THREADS = 8
"""Cores that the page takes to make its small pictures, at the most; fewer if the run has fewer."""

_SMALL = 25_000
"""Bytes of an image up to which a second thread brings nothing, since the time is Python's and not OpenCV's:
PNG of 100 × 100 pixels take 0.6 ms each by one thread and by two, of 300 × 300 pixels 3.5 and 2.1 ms."""

_LOOKED_AT = 20
"""Images whose size tells that of all."""

TABLES_FIRST, PAGE_NEXT = 2, 1
"""Priorities: the tables, whatever comes of the page; then the page, which takes longest of the rest."""

CAPTIONS = WORKFLOW / "report"
"""The folder with the captions of Snakemake's own report."""


def gathered(plan: Plan) -> str:
    """The file that holds the records of all jobs."""
    return f"{plan.config.results}/.records.jsonl"


def all_tables(plan: Plan) -> dict[str, str]:
    """What the aggregation writes, in every format, by name."""
    return table_files(plan.config.results, plan.config.aggregate)


def csv_tables(plan: Plan) -> list[str]:
    """The tables that functions and the page are made of."""
    files = all_tables(plan)
    return [files[name] for name in TABLES]


def in_report(files: dict[str, str]) -> dict[str, Any]:
    """The tables, with those that a person reads marked for Snakemake's own report."""
    from snakemake.io import report

    marked = {
        name: report(files[name], caption=str(CAPTIONS / f"{name}.rst"), category="Tables")
        for name in ("measurements", "failures")
    }
    return {**files, **marked}


def formats(plan: Plan) -> str:
    """What the aggregation is to write, as JSON."""
    wanted = plan.config.aggregate
    said = {"tables": sorted(wanted.tables), "bom": wanted.bom, "plantcv": wanted.plantcv}
    if wanted.plantcv_append is not None:
        said["plantcv_append"] = wanted.plantcv_append
    return one_line(said)


def appended(plan: Plan) -> str:
    """What is in the file that PlantCV's JSON adds to: the tables are made again once that is another.

    It is no input of the rule, since with results in object storage Snakemake would look for it there.
    """
    path = plan.config.aggregate.plantcv_append
    if path is None or not os.path.isfile(path):
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def function_task(plan: Plan, function: PlannedFunction) -> str:
    """What a function of tables is told, as JSON."""
    return one_line(function.task(plan.config.images.timestamp_format))


def function_outputs(function: PlannedFunction) -> list[Any]:
    """The files of a function of tables, marked for Snakemake's own report."""
    from snakemake.io import directory, report

    outputs = []
    for name, path in function.files.items():
        caption = str(CAPTIONS / "function.rst")
        if function.is_folder(name):
            outputs.append(directory(path))
        else:
            labels = {"function": function.name, "file": name}
            outputs.append(report(path, caption=caption, category="Summaries", labels=labels))
    return outputs


def page(plan: Plan) -> str:
    """The page of results."""
    return f"{plan.config.results}/report.html"


def marked_page(plan: Plan) -> Any:
    """The page, marked for Snakemake's own report."""
    from snakemake.io import report

    return report(page(plan), caption=str(CAPTIONS / "page.rst"), category="Page")


def pictures(plan: Plan) -> str:
    """The folder of the page's small pictures."""
    return f"{plan.config.results}/{PICTURES}"


def function_files(plan: Plan) -> list[str]:
    """What the functions of tables make."""
    return [path for function in plan.functions for path in function.files.values()]


def page_threads(plan: Plan) -> int:
    """The cores that the page's small pictures are worth: with one it is made beside the tables."""
    paths = [path for group in plan.groups[:_LOOKED_AT] for path in group.paths]
    # an OME-Zarr is a folder, and what is at a URI is not here: nothing is known of their size
    sizes = [os.path.getsize(path) for path in paths if os.path.isfile(path)]
    return 1 if sizes and max(sizes) < _SMALL else THREADS


def report_project(plan: Plan) -> str:
    """What the page says of the project, as JSON: see `pixmake.results.report.content`."""
    config = plan.config
    containers = [] if plan.containers is None else [step.name for step in plan.containers.steps]
    tables_ = [path.removeprefix(f"{config.results}/") for path in all_tables(plan).values()]
    return one_line(
        {
            "results": config.results,
            "timestamp_format": config.images.timestamp_format,
            "images": _said(config.images),
            "steps": {planned.name: _said(planned.step) for planned in plan.steps},
            "over_several": [*over_several(plan), *containers],
            "functions": [
                {"name": function.name, "about": function.about, "files": dict(function.files)}
                for function in plan.functions
            ],
            "tables": tables_,
            **({"controls": config.aggregate.controls.model_dump()} if config.aggregate.controls else {}),
            **({"storage": config.reach()} if config.reach() else {}),
            # another view, or version of it, makes another page
            **({"views": views} if (views := [*map(str, plugins.installed("page").values())]) else {}),
        }
    )


def _said(part: BaseModel) -> dict[str, Any]:
    """What a part of the config says beyond its defaults, but for how it is run."""
    how = {"threads", "resources", "retries", "timeout", "on_error", "executor", "images_per_process"}
    how |= {"load_in", "load_slots", "load_timeout", "cpu_fallback", "batch"}
    return part.model_dump(mode="json", exclude_defaults=True, exclude=how)


def outcome(plan: Plan) -> list[str]:
    """All that is made of the records of all jobs."""
    return [] if plan.is_slice else [gathered(plan), *targets(plan)]


def complete_file(plan: Plan) -> str:
    """What is there once all is made and no more images have failed than may."""
    return f"{plan.config.results}/complete.txt"


def allowed(plan: Plan) -> str:
    """How many images may fail, as JSON."""
    return one_line({"max_failures": plan.config.max_failures, "over_several": over_several(plan)})


def unspoken(plan: Plan) -> list[str]:
    """What the last lines of a run do not name as made, too: the tables and the page of each project."""
    results = plan.config.results
    asked_for = {f"{results}/{name}" for name in (DATABASE, "measurements.parquet", PLANTCV[0])}
    hidden = [gathered(plan), pictures(plan)]
    hidden += [gathered_path(results, step) for step in plan.gathered_steps()]
    found = [] if plan.containers is None else [found_path(results)]
    provenance = provenance_file(results)
    tables = [path for path in all_tables(plan).values() if path not in asked_for]
    return [*hidden, *found, complete_file(plan), *tables, provenance, page(plan)]


def targets(plan: Plan) -> list[str]:
    """All that a run makes once its images are done; of a slice of the images their records alone."""
    if plan.is_slice:
        return records(plan)
    pages = [page(plan)] if plan.config.aggregate.report else []
    of_steps = [table.path for table in collected(plan)]
    provenance = provenance_file(plan.config.results)
    return [*all_tables(plan).values(), provenance, *of_steps, *function_files(plan), *pages]
