"""A record that a power cut or an edit has left unusable: all say so, and a run makes it again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.conftest import Project

from pixmake.config.models import load_config, read_config
from pixmake.plan.broken import broken_results
from pixmake.plan.plan import plan_project
from pixmake.progress.status import project_status
from pixmake.project.explain import explained

DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "whole": lambda record: record,
    "empty": lambda record: b"",
    "cut": lambda record: record[: len(record) // 2],
    "no_json": lambda record: b"\x00" * len(record),
    "other_id": lambda record: with_part(record, id="whole"),
    "other_step": lambda record: with_part(record, step="segment"),
    "unknown_status": lambda record: with_part(record, status="fine"),
    "deep": lambda record: b"[" * 3000 + b"]" * 3000,
    "deep_inside": lambda record: record.replace(
        b'"run": {', b'"run": {"x": ' + b"[" * 3000 + b"]" * 3000 + b", "
    ),
}


def with_part(record: bytes, **parts: str) -> bytes:
    """A record with another value of a part."""
    content: dict[str, Any] = json.loads(record)
    return json.dumps(content | parts).encode()


def test_all_agree_on_a_damaged_record(project: Project) -> None:
    """`status`, `check`, `explain`, a dry run and the run: the same images are to be made again."""
    for number, name in enumerate(DAMAGES):
        project.draw(f"images/{name}.png", level=20 * number)
    project.list_images([{"path": f"{name}.png"} for name in DAMAGES])
    assert project.snakemake().code == 0
    tables, before = project.tables(), project.started()
    for name, damage in DAMAGES.items():
        path = project.folder / f"results/measure/{name}.json"
        path.write_bytes(damage(path.read_bytes()))
    damaged = set(DAMAGES) - {"whole"}
    config = "config/config.yaml"
    with contextlib.chdir(project.folder):
        count = project_status(load_config(config))["measure"]
        assert (count.done, count.failed, count.to_do) == (1, 0, len(damaged))
        plan = plan_project(read_config(config), [config])
        assert set(broken_results(plan, ())) == {f"results/measure/{name}.json" for name in damaged}
        stale = {name for name in DAMAGES if explained(plan, name)[0].stale}
        assert stale == damaged
    assert f"{len(damaged)} × measure: its result is damaged" in project.snakemake("-n").out
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    assert "pixmake: damaged, to be made again: results/measure/empty.json (it is empty)" in ended.err
    assert f"and {len(damaged) - 3} more" in ended.err
    now = project.started()
    assert {name for name in DAMAGES if now[f"measure/{name}"] != before[f"measure/{name}"]} == damaged
    assert project.tables() == tables
    assert "Nothing to be done" in project.snakemake().err
