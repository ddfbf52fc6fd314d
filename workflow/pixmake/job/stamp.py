"""What a file of a step says of where it comes from: id, step, task, params, and its parents' checksums.

Nothing in it differs from run to run, so that the same work leaves the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pixmake.images.fingerprint import WHOLE, fingerprint
from pixmake.images.remote.uris import is_remote
from pixmake.job.task import task_digest

if TYPE_CHECKING:
    from pixmake.job.run import Job

FORMAT = 1


def stamp_of(job: Job, checksums: MutableMapping[str, str]) -> str:
    """What stands in the files of a job, as one line of ASCII.

    Parameters
    ----------
    checksums
        Those of the images that were decoded, by path; those that are taken here are added.
    """
    task = job.task
    # where results lie, and how often the job has failed, is no part of what was done
    plain = replace(task, failures=0, members="")
    content = {
        "pixmake": FORMAT,
        "id": task.id,
        "step": task.step,
        "task": task_digest(plain.as_json(), (), "").hex(),
        "source": task.source,
        "work": task.work,
        "params": task.params,
        "images": [_image(job, number, checksums) for number in range(len(job.images))],
        "needs": [
            _needed(step, path) for step, paths in job.needed.items() for path in _files(job, step, paths)
        ],
    }
    return json.dumps({name: value for name, value in content.items() if value or name == "params"})


def _image(job: Job, number: int, checksums: MutableMapping[str, str]) -> dict[str, Any]:
    path = job.images[number]
    told: dict[str, Any] = {"path": path}
    version = job.task.versions[number] if job.task.versions else ""
    if job.task.parts and job.task.parts[number]:
        told["part"] = dict(job.task.parts[number])
    if not is_remote(path):
        # a file of which many jobs read a part each is not read as a whole by each of them
        found = fingerprint(path, most=0 if job.task.parts else WHOLE, known=checksums.get(path))
        if "sha256" in found:
            told["sha256"] = checksums[path] = found["sha256"]
    return {**told, "version": version} if version else told


def _needed(step: str, path: str) -> dict[str, Any]:
    found = fingerprint(path)
    told = {"step": step, "file": os.path.basename(path)}
    return {**told, "sha256": found["sha256"]} if "sha256" in found else told


def _files(job: Job, step: str, paths: Sequence[str]) -> list[str]:
    """The files of a needed step: before those of each of its jobs stands a record."""
    each = 1 + len(job.task.needs[step])
    return [path for number, path in enumerate(paths) if number % each]
