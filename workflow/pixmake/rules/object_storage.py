"""Results in object storage: what Snakemake's default storage means for a project.

Snakemake then takes each path of a rule for one below a prefix such as ``s3://bucket/trial``, and works on
a local copy below ``.snakemake/storage``. Here the folders of results and logs become links to those copies,
so that all that reads them by name finds them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.images.remote.uris import is_remote
from pixmake.job.record import STORED
from pixmake.plan.plan import Plan
from pixmake.rules.cluster_node import allowed_rules

PROFILE = "profiles/storage-s3"
COPIES = ".snakemake/storage"


def use_storage(plan: Plan, workflow: Any) -> bool:
    """Prepare a project for Snakemake's default storage, if Snakemake was told to use one.

    Returns
    -------
    bool
        Whether it was. Images by their names are files of this machine then as before: ``local(…)``.

    Raises
    ------
    PixmakeError
        With all that does not work so.
    """
    os.environ.pop(STORED, None)
    settings = workflow.storage_settings
    if settings.default_storage_provider is None:
        if allowed_rules():
            return False  # what is linked is for the Snakemake that submits to say
        _unlink(plan.config.results)
        _unlink(plan.config.log_folder)
        return False
    problems = [] if allowed_rules() else list(_problems(plan, workflow))
    for name in _folders(plan):
        copies = str(workflow.modifier.path_modifier.apply_default_storage(name))
        problems += _link(name, copies)
        os.environ[STORED] = copies.removesuffix(name)
    if problems:
        raise PixmakeError(problems)
    return True


def _folders(plan: Plan) -> list[str]:
    results, logs = plan.config.results, plan.config.log_folder
    return [results] if logs.startswith(f"{results}/") else [results, logs]


def _problems(plan: Plan, workflow: Any) -> Iterator[Problem]:
    settings = workflow.storage_settings
    if not settings.keep_storage_local:
        hint = f"add --keep-storage-local-copies, or take {PROFILE}"
        yield Problem("pixmake reads the local copies of records and tables at the end of a run", hint=hint)
    if os.path.isabs(plan.config.results) or plan.config.results.startswith(".."):
        hint = "the prefix is set before it, e.g. results: results"
        yield Problem("with a default storage, results is a folder below its prefix", "results", hint)
    for planned in plan.steps:
        if planned.step.writeimg:
            what = "pictures that no file of the step names do not go to a storage"
            yield Problem(what, f"steps.{planned.name}.writeimg", "name them, e.g. files: {mask: png}")
    shared = {str(usage).rpartition(".")[2].lower().replace("_", "-") for usage in settings.shared_fs_usage}
    if workflow.local_exec or "storage-local-copies" in shared:
        return
    yield from _without_shared_files(plan)


def _without_shared_files(plan: Plan) -> Iterator[Problem]:
    """What a node cannot have that shares no folder with this machine."""
    what = "needs a folder that all nodes share (--shared-fs-usage)"
    for planned in plan.steps:
        for key in ("per", "needs_all"):
            if getattr(planned.step, key):
                yield Problem(what, f"steps.{planned.name}.{key}")
    if plan.containers is not None:
        yield Problem(what, "images.checkpoint")
    here = [path for group in plan.groups for path in group.paths if not is_remote(path)]
    if here:
        more = f" and {len(here) - 1} more" if len(here) > 1 else ""
        yield Problem(f"{here[0]}{more}: {what}", "images", "put them into the storage: s3://…")


def _link(name: str, copies: str) -> Iterator[Problem]:
    """Let a folder of the project be a link to Snakemake's local copies."""
    path, target = Path(name), os.path.relpath(copies, Path(name).parent)
    if path.is_symlink() and os.readlink(path) == target:
        Path(copies).mkdir(parents=True, exist_ok=True)
        return
    _unlink(name)
    with contextlib.suppress(OSError):
        path.rmdir()  # an empty one
    if os.path.lexists(path):
        yield Problem("is there already, from runs without this storage", name, "move it away, or rename it")
        return
    Path(copies).mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _unlink(name: str) -> None:
    """Remove a link of an earlier run."""
    path = Path(name)
    if path.is_symlink() and COPIES in os.readlink(path):
        path.unlink()
