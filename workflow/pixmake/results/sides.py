"""A folder of results to compare with another one: its records, and what its provenance says of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pixmake.job.gathered import MEMBERS
from pixmake.job.record import Record, read_record
from pixmake.plan.program_copy import FOLDER as COPIES

HERE = ".snakemake/pixmake"
"""By this a project's folder is known."""


@dataclass(frozen=True)
class Side:
    """Results, and the project that they are of."""

    folder: Path

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """What the provenance says, without its images; nothing where there is none."""
        return {key: value for key, value in self._said.items() if key != "images"}

    @cached_property
    def order(self) -> Mapping[str, int]:
        """The place of each image's id in the table, as far as provenance says it."""
        return {str(each["id"]): number for number, each in enumerate(self._said.get("images", ()))}

    @cached_property
    def checksums(self) -> Mapping[str, str]:
        """The SHA-256 of images that were read after the run."""
        told = (told for each in self._said.get("images", ()) for told in each["inputs"])
        return {each["path"]: each["sha256"] for each in told if each.get("sha256")}

    @cached_property
    def called(self) -> str:
        """What the folder was called in its records, such as ``results``."""
        return str(self.provenance.get("config", {}).get("results") or "results")

    @cached_property
    def root(self) -> Path:
        """The folder of the project from which its paths are."""
        above = self.folder.resolve().parents
        return next((each for each in above if (each / HERE).is_dir()), Path())

    @cached_property
    def packages(self) -> Mapping[str, str]:
        """The versions of what was installed where provenance was written."""
        found: Mapping[str, str] = self.provenance.get("software", {}).get("packages", {})
        return found

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """The project's programs as they were when the run began, as far as they are kept."""
        files = self.provenance.get("files", ())
        found = {each["path"]: self._content(each) for each in files if _is_program(each["path"])}
        return {path: content for path, content in found.items() if content is not None}

    @cached_property
    def files(self) -> Mapping[str, str]:
        """The SHA-256 of each file that decided what was done."""
        return {each["path"]: each["sha256"] for each in self.provenance.get("files", ()) if "sha256" in each}

    def record(self, step: str, job_id: str) -> Record | None:
        """A record; none if there is none, or it cannot be read."""
        try:
            return read_record(self.folder / step / f"{job_id}.json")
        except (OSError, ValueError):
            return None

    def here(self, path: str) -> str:
        """Where a file of these results lies now, which records call by its name in the project."""
        inner = path.removeprefix(f"{self.called}/")
        return path if inner == path else str(self.folder / inner)

    def found(self, path: str) -> Iterator[str]:
        """Where a file of the project may lie now."""
        yield path
        if not os.path.isabs(path):
            yield str(self.root / path)

    def members(self, name: str) -> Mapping[str, Any] | None:
        """The list of images of a job over several; none if it is gone."""
        for folder in (self.root, Path()):
            try:
                found: Mapping[str, Any] = json.loads((folder / MEMBERS / f"{name}.json").read_bytes())
            except (OSError, ValueError):
                continue
            return found
        return None

    def all_of(self, step: str) -> list[str]:
        """The ids of a step's records, in the table's order."""
        try:
            names = [name for name in os.listdir(self.folder / step) if name[0] != "."]
        except OSError:
            return []
        ids = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return sorted(ids, key=lambda each: (self.order.get(each, len(self.order)), each))

    @cached_property
    def _said(self) -> Mapping[str, Any]:
        try:
            said: Mapping[str, Any] = json.loads((self.folder / "provenance.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return said

    def _content(self, told: Mapping[str, Any]) -> str | None:
        """A file as provenance tells of it, from its copy or where it still lies."""
        sha256, path = str(told.get("sha256", "")), str(told["path"])
        copy = str(told.get("copy") or f"{COPIES}/{sha256[:32]}{Path(path).suffix}")
        for each in (*self.found(copy), *self.found(path)):
            try:
                content = Path(each).read_bytes()
            except OSError:
                continue
            if hashlib.sha256(content).hexdigest() == sha256:
                return content.decode("utf-8", "replace")
        return None


def _is_program(path: str) -> bool:
    return path.endswith((".py", ".ipynb", ".R", ".r", ".sh", ".jl", ".m", ".ijm", ".groovy"))
