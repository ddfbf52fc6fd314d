"""The table of found images: what the containers of a project held, with the metadata of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.base.values import TIMESTAMP
from pixmake.config.models import Config
from pixmake.job.record import read_record
from pixmake.plan.containers import LISTED, SPLIT, found_config
from pixmake.plan.plan import Plan, make_plan, record_path
from pixmake.table.table import PATH


def found_path(results: str) -> str:
    """Where the table of found images stands."""
    return f"{results}/images.csv"


def found_plan(config: Config) -> Plan:
    """The plan of the images that were found, in the last run.

    Raises
    ------
    PixmakeError
        None were looked for yet, or something is wrong with those that were found.
    """
    table = found_path(config.results)
    if not Path(table).exists():
        hint = "they are found by a run"
        raise PixmakeError([Problem("the images are not known yet", "images.checkpoint", hint)])
    if not has_rows(table):
        return Plan(config, (), (), (PATH,))
    return make_plan(found_config(config, table))


def write_found(containers: Plan) -> None:
    """Write the table of found images, and see that it is in order.

    Parameters
    ----------
    containers
        The plan of the containers; all of its jobs have run.

    Raises
    ------
    PixmakeError
        What was found cannot be used as the config says: ids that are not unique, say.
    """
    rows = list(_rows(containers))
    columns = list(dict.fromkeys([PATH, *(name for row in rows for name in row)]))
    table = found_path(containers.config.results)
    with written_whole(table) as temporary, open(temporary, "w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def has_rows(table: str) -> bool:
    """Whether a table of found images is there and is not empty."""
    if not Path(table).exists():
        return False
    with open(table, encoding="utf-8") as lines:
        return len([line for _, line in zip(range(2), lines, strict=False)]) == 2


def _rows(containers: Plan) -> Iterator[dict[str, Any]]:
    results = containers.config.results
    for group in containers.groups:
        if read_record(record_path(results, SPLIT, group.id)).status == "failed":
            continue
        metadata = {
            name: value for name, value in {**group.metadata, **group.written}.items() if name != PATH
        }
        if group.when is not None and containers.config.images.timestamp_format is not None:
            metadata[TIMESTAMP] = group.when.isoformat()
        listed = Path(f"{results}/{SPLIT}/{group.id}.{LISTED}.jsonl")
        for line in listed.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            yield {
                PATH: found["path"],
                "container": group.id,
                "image": found["image"],
                **metadata,
                **found["metadata"],
            }
