"""A task: what one job is told. It goes through a rule's params as one line of JSON.

Standard library only: it is read in whatever Python environment a step runs in.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixmake.job.record import as_written

LOST_ATTEMPTS = 1
"""How often a job is sent again that ended without a word, since its node or cluster job was lost."""


@dataclass(frozen=True)
class Task:
    """What decides a job's result; a change of any part of it runs the job again.

    The images are here and no inputs of the rule: Snakemake would go by their dates. All other paths are the
    rule's ``input`` (each needed step's record and files) and ``output`` (the record, then the files), in the
    order of the names below.
    """

    step: str
    id: str
    kind: str
    """What kind of step it is: a module of `pixmake.job.runners`."""
    work: Mapping[str, Any]
    """What that kind is told, the same for all jobs of the step: a function, a command, …"""
    source: str
    """Hash of what is run, and of what it uses from the project."""
    metadata: Mapping[str, Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """The names of a group's images; empty for a single image."""
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The files, by name, of each needed step that has one job for this one."""
    files: tuple[str, ...] = ()
    python: str | None = None
    """The step's own interpreter."""
    failures: int = 0
    """How often this job has failed for good; see `records.failure_counts`."""
    needs_all: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The files, by name, of each step of which this job has all; see `pixmake.job.gathered`."""
    needs_named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of which of ``needs`` there is a job for each image of this job's group, and the names of these."""
    members: str = ""
    """The name of the list of images of a job of a step with `per`."""
    needs_many: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The files, by name, of each needed step that has several jobs in that list."""
    images: tuple[str, ...] = ()
    """The image files, from the working directory, and those at URIs."""
    versions: tuple[str, ...] = ()
    """What each image was when the plan was made, see `pixmake.plan.image_versions`: a new version runs the
    job again. Empty if no image has changed since it was first seen."""
    parts: tuple[Mapping[str, int], ...] = ()
    """Which part of each image is meant, see `pixmake.images.axes`; empty if all are whole."""
    broken: str = ""
    """Why this job fails whatever it would find: what was wrong with its image when the plan was made."""
    written: Mapping[str, Any] = field(default_factory=dict)
    """The texts of those metadata whose text says more than their value; see `record.as_written`."""
    corrected: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Of each of ``files`` that was corrected by hand what stands in for it, and a hash of its content."""

    @property
    def terms(self) -> Mapping[str, Any]:
        """The metadata as tables have them."""
        return as_written(self.metadata, self.written)

    def as_json(self) -> str:
        """One line of JSON, always the same for the same task.

        Braces inside its strings are escaped, since Snakemake would take ``{word}`` for a wildcard.
        """
        return task_text(vars(self))

    def as_made(self) -> dict[str, Any]:
        """The task as it stands in a record, without what the record says elsewhere."""
        elsewhere = ("step", "id", "metadata", "images", "written")
        return {
            key: value for key, value in vars(self).items() if key not in elsewhere and value not in _NOTHING
        }


def task_text(content: Mapping[str, Any]) -> str:
    """The fields of a task as `Task.as_json` writes them."""
    return one_line({key: value for key, value in content.items() if value not in _NOTHING})


def task_digest(text: str, needed: Iterable[str], rule: str) -> bytes:
    """What stands for all that a job is made of, but for what is in the files.

    Parameters
    ----------
    text
        The task, see `Task.as_json`; it holds the versions of the images.
    needed
        The files of other steps.
    rule
        See `Limits.rule`.
    """
    parts = "\0".join([text, rule, *sorted(needed)])
    return hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True)
class Limits:
    """How a job is run, without a say in its result."""

    attempt: int = 1
    attempts: int = 1
    """Attempts in all: ``retries`` and one."""
    keep_going: bool = True
    """Leave a record when the last attempt fails, instead of failing."""
    keep: str = "all"
    """``failed``: what a failed image worked on stays beside its log."""
    timeout: float | None = None
    """Seconds."""
    each_timeout: float | None = None
    """Seconds of each image, where a job works on many and sees to it by itself."""
    batches: str = ""
    """The list of images of which one start of a program works on many; see `rules.batches_of`."""
    mem_mb: int | None = None
    gpu: int = 0
    """Devices that this job gets for itself."""
    storage: Mapping[str, Any] = field(default_factory=dict)
    """How objects are reached; see `pixmake.images.remote.objects.configure`."""
    rule: str = ""
    """Hash of what else Snakemake compares of the job's rule: its command, its environment or container."""
    program: str = ""
    """The list of what the step runs as it was when the run began; see `pixmake.job.program`."""
    plugins: str = ""
    """The copies of what other packages add, as far as it runs in jobs; see `pixmake.base.plugins`."""
    images_per_process: int = 1
    """How many images a process of the warm one works on, this one among them."""
    holder: str = ""
    """Of a step that loads models: what tells its warm process from those of other steps."""
    load_in: str = "auto"
    """Where models are loaded: ``fork``, ``process``; ``auto`` is by fork unless that turns out not to do."""
    load_slots: int = 0
    """How many serving processes there are at one time; 0: as many as images are worked on."""
    batch: int = 0
    """How many images a serving process works on together, at the most; 0: the function knows no batch."""
    load_timeout: float = 1800
    """Seconds that loading may take; weights may have to be fetched."""
    cpu_fallback: bool = False
    """Whether a model that was to be on a GPU may be on the CPU."""
    pictures: str = ""
    """The folder with the small pictures of the page, if there is one."""
    quality: bool = False
    """Whether that page says how good the picture is."""

    @property
    def is_lost(self) -> bool:
        """Whether this attempt is there only to say why the others left nothing."""
        return self.attempt > self.attempts + LOST_ATTEMPTS

    @property
    def is_last(self) -> bool:
        """Whether nothing tries again after this attempt."""
        return self.attempt >= self.attempts


def parse_task(text: str) -> Task:
    """The task that `Task.as_json` wrote."""
    content = json.loads(text)
    for key in ("names", "files", "parts", "images", "versions"):
        content[key] = tuple(content.get(key, ()))
    for key in ("needs", "needs_all", "needs_many", "needs_named", "corrected"):
        content[key] = {step: tuple(files) for step, files in content.get(key, {}).items()}
    return Task(**{"work": {}, "source": "", "metadata": {}, **content})


def parse_limits(text: str, attempt: int) -> Limits:
    """The limits that a rule wrote as JSON, for one attempt."""
    content = json.loads(text)
    return Limits(attempt=attempt, **{**content, "mem_mb": at_this(content.get("mem_mb"), attempt)})


def at_this(memory: Any, attempt: int) -> int | None:
    """The memory limit of one attempt: the same for all, or one for each."""
    value = memory[min(attempt, len(memory)) - 1] if isinstance(memory, list) else memory
    return value if value is None else int(value)


def one_line(content: Any) -> str:
    """JSON in one line, keys sorted, without a brace inside a string."""
    return _STRING.sub(_escape_braces, _ENCODER.encode(content))


# json.dumps with options makes an encoder for each call
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_NOTHING: tuple[object, ...] = ({}, (), None, "")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def _escape_braces(string: re.Match[str]) -> str:
    return string[0].replace("{", "\\u007b").replace("}", "\\u007d")
