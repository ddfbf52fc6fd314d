"""What is known of a step's `load` before anything runs: its functions, its files, and where it is loaded."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.config.models import ARGUMENTS, Config, Step
from pixmake.plan.analysis import imported_names, local_modules, read_signature, source_hash

GIVEN = ("device", "threads")
"""What a loader can ask for besides its step's params."""

NOT_FORKED = (
    *("torch", "torchvision", "tensorflow", "keras", "jax", "flax", "onnxruntime", "openvino", "paddle"),
    *("cellpose", "stardist", "csbdeep", "micro_sam", "segment_anything", "sam2", "mobile_sam"),
    *("ultralytics", "transformers", "timm", "monai", "lightning", "pytorch_lightning", "fastai"),
    *("segmentation_models_pytorch", "instanseg", "omnipose", "plantseg", "careamics", "mxnet"),
)
"""Packages whose threads and devices do not cross a fork, and those that are made of them."""

SEEN = Path(".snakemake/pixmake/model_checksums.json")
"""What files of models were when they were last read, so that a large one is not read at each start."""


def load_problems(config: Config, name: str) -> Iterator[Problem]:
    """What is wrong with the loaders of a step, by what its config and its files say."""
    step = config.steps[name]
    for model, loader in step.load.items():
        where = f"steps.{name}.load.{model}"
        for number, path in enumerate(loader.files):
            if not os.path.isfile(path):
                yield Problem(f"there is no file {path}", f"{where}.files[{number}]")
        try:
            signature = read_signature(*_parts(loader.function), where)
        except PixmakeError as error:
            yield from error.problems
            continue
        for argument in signature.positional_only:
            what = f"{loader.function}: its argument {argument!r} is positional-only"
            yield Problem(what, where, "arguments are given by name: remove the `/`")
        for argument in signature.required:
            if argument not in step.params and argument not in GIVEN:
                what = f"{loader.function} needs the argument {argument!r}"
                own = argument in ARGUMENTS
                hint = "that is an image's: ask for another name" if own else "give it under params"
                yield Problem(what, where, hint)


def asked_by_loaders(step: Step) -> set[str]:
    """The params of a step that its loaders ask for; all, where one of these cannot be read."""
    found: set[str] = set()
    for loader in step.load.values():
        try:
            signature = read_signature(*_parts(loader.function))
        except PixmakeError:  # told where loaders are checked
            return set(step.params)
        found |= {param for param in step.params if signature.accepts(param)}
    return found


def load_work(step: Step) -> Mapping[str, Any]:
    """What a job is told of its step's models: their functions, and what decides what these give."""
    return {name: _loader(loader.function, loader.files) for name, loader in step.load.items()}


def load_in(step: Step) -> str:
    """Where a step's models are loaded; ``auto``: by fork, unless it turns out that they must not be."""
    if step.kind != "function":  # a kind that has its models loaded, such as `onnx`, is served
        return "process"
    if step.batch:  # a fork is of one image
        return "process"
    if step.load_in != "auto":
        return step.load_in
    files = {_parts(function)[0] for function in (step.runs, *(each.function for each in step.load.values()))}
    modules = {Path(file) for file in files}.union(*map(local_modules, files))
    packages = {word.partition(".")[0] for module in modules for word in imported_names(module)}
    return "process" if packages & set(NOT_FORKED) else "auto"


def checksum(path: str) -> str:
    """The SHA-256 of a file, read only if it has another size or date than when it was last read."""
    status = os.stat(path)
    state = [status.st_size, status.st_mtime_ns]
    try:
        seen = json.loads(SEEN.read_bytes())
        known, sha256 = seen[os.path.abspath(path)]
        if known == state:
            return str(sha256)
    except (OSError, ValueError, KeyError, TypeError):
        seen = {}
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        with written_whole(SEEN) as temporary:
            kept = {**(seen if isinstance(seen, dict) else {}), os.path.abspath(path): [state, found]}
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    except OSError:  # it is read once more the next time
        pass
    return found


def _loader(function: str, files: list[str]) -> dict[str, Any]:
    file, name = _parts(function)
    found: dict[str, Any] = {"function": function, "source": source_hash(file, name)}
    if files:
        found["files"] = {path: checksum(path) for path in files}
    version = _version_of(file)
    return {**found, **({"version": version} if version else {})}


def _version_of(file: str) -> str:
    """The version of the package that a file was installed with, if it was."""
    parts = Path(file).resolve().parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            package = parts[parts.index(folder) + 1].removesuffix(".py")
            try:
                return metadata.version(package)
            except metadata.PackageNotFoundError:
                return ""
    return ""


def _parts(function: str) -> tuple[str, str]:
    file, _, name = function.rpartition(":")
    return file, name
