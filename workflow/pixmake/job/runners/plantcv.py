"""Kind of step ``plantcv``: an unmodified PlantCV workflow script, called as PlantCV calls it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pixmake.base.placeholders import as_text
from pixmake.job import unnamed_pictures
from pixmake.job.record import missing_as_text
from pixmake.job.runners import Call, Outcome, altair_schemas
from pixmake.job.runners.imports import import_installed
from pixmake.job.runners.main_module import run_main
from pixmake.job.runners.measurements import Measurements
from pixmake.job.runners.programs import OutputError, Workspace, workspace

OPENS_FILES = True
PRELOAD = ("plantcv.plantcv", "plantcv.parallel")

DEFAULT_SAMPLE = "default_1"
"""What PlantCV calls a single object that its script gives no label."""

_NEVER_SAVED = 0.0

_PICTURES = "images"
"""The script's ``--outdir``, in the job's own folder."""


def prepare(work: Mapping[str, Any]) -> None:
    """Do once, in the warm process, what each picture's process would do again with the same result.

    Import what the script imports; hash the schemas by which PlantCV's histograms are checked; convert a
    pixel to Lab, as most scripts do: for the first of these OpenCV makes tables. The last two are more than
    half of the CPU time that a small picture takes without.
    """
    import_installed(work["script"])
    with contextlib.suppress(Exception):  # whatever Altair that Python has
        altair_schemas.hash_once()
    with contextlib.suppress(Exception):  # whatever OpenCV that Python has
        import cv2
        import numpy as np

        cv2.cvtColor(np.zeros((1, 1, 3), np.uint8), cv2.COLOR_BGR2LAB)


def run(call: Call) -> Outcome:
    """Run the script with PlantCV's command line, and read the file of results that it saves."""
    version = plantcv_version()
    unnamed_pictures.forget(call.record)
    with workspace(call) as space:
        _write_result(call, space.result, version)
        words = command_line(call, space, version)
        print("plantcv", version, call.task.work["script"], *words, flush=True)
        run_main(call.task.work["script"], words, call)
        if os.stat(space.result).st_mtime == _NEVER_SAVED:
            what = "the script saved no results"
            raise OutputError(f"{what}: it needs pcv.outputs.save_results(filename=args.result)")
        found = read_result(space.result.read_text(encoding="utf-8", errors="replace"), call)
        _collect_images(call, space)
        kept = unnamed_pictures.keep(space.folder / _PICTURES, call.record) if _keeps_all(call) else []
        return Outcome(found, {"plantcv": version, **({"pictures": kept} if kept else {})})


def plantcv_version() -> str:
    """The version of PlantCV in this Python.

    Raises
    ------
    ModuleNotFoundError
        There is none.
    """
    try:
        return metadata.version("plantcv")
    except metadata.PackageNotFoundError:
        what = "PlantCV is not installed in this step's Python"
        hint = "make an environment of its own, and name it: `python: envs/plantcv/bin/python`"
        raise ModuleNotFoundError(f"{what}; {hint}") from None


def command_line(call: Call, space: Workspace, version: str) -> list[str]:
    """The words behind the script's name, as this version of PlantCV has them."""
    words = ["--outdir", str(space.folder / _PICTURES), "--result", str(space.result)]
    if _major(version) >= 5:
        # PlantCV's own notes on which images are done; here Snakemake knows
        words += ["--checkpoint", "False", "--tmpfile", str(space.result)]
    words += ["--names", ",".join(call.task.names or ("image1",))]
    for name, value in {**call.task.params, **call.needed}.items():
        words += _option(name, value)
    if call.outputs or _keeps_all(call):
        words.append("--writeimg")
    return [*words, *(f"./{path}" if path.startswith("-") else path for path in call.images)]


def read_result(text: str, call: Call) -> Measurements:
    """The measurements of a PlantCV result file, by variable, or ``sample.variable``.

    Each keeps what PlantCV says of it: trait, method, scale (also as its unit), datatype and label.
    Metadata terms that the script added are measurements without a sample.

    Raises
    ------
    OutputError
        The file is not what PlantCV's ``save_results`` writes.
    """
    try:
        content = json.loads(text)
        observations: Mapping[str, Mapping[str, Any]] = content["observations"]
        terms: Mapping[str, Mapping[str, Any]] = content["metadata"]
        found = {
            _name(sample, variable): _measurement(sample, variable, observation)
            for sample, variables in observations.items()
            for variable, observation in variables.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        kind = type(error).__name__
        raise OutputError(f"the file of results is not what PlantCV saves: {kind}: {error}") from None
    given = _metadata(call, "5")
    for term, entry in terms.items():
        if term not in (*given, "image", "filepath", "run_date", "plantcv_version"):
            values = missing_as_text(entry.get("value"))
            value = values[0] if isinstance(values, list) and len(values) == 1 else values
            found.setdefault(term, {"value": value, "datatype": entry.get("datatype"), "term": term})
    return found


def _name(sample: str, variable: str) -> str:
    # by the sample alone, not by how many there are: a column means the same in every image
    return variable if sample in (DEFAULT_SAMPLE, "default") else f"{sample}.{variable}"


def _measurement(sample: str, variable: str, observation: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: missing_as_text(value) for key, value in observation.items()}
    return {
        "value": kept.pop("value"),
        "unit": kept.get("scale"),
        **kept,
        "sample": sample,
        "variable": variable,
    }


def _option(name: str, value: Any) -> Sequence[str]:
    """A param as an option; ``null`` is an option without a value."""
    if value is None:
        return [f"--{name}"]
    text = ",".join(map(as_text, value)) if isinstance(value, (list, tuple)) else str(value)
    # argparse takes what starts with a dash for another option, unless it is joined on
    return [f"--{name}={text}"] if text.startswith("-") else [f"--{name}", text]


def _write_result(call: Call, path: Path, version: str) -> None:
    """The file of results before the call: what is known of the images, and no observation yet."""
    content = {"metadata": _metadata(call, version), "observations": {}}
    path.write_text(json.dumps(content, allow_nan=False, indent=4), encoding="utf-8")
    (path.parent / _PICTURES).mkdir()
    os.utime(path, (_NEVER_SAVED, _NEVER_SAVED))


def _metadata(call: Call, version: str) -> dict[str, dict[str, Any]]:
    """The image's row in PlantCV's form: of each term a value an image."""
    terms = {name: value for name, value in call.task.terms.items() if name != "path"}
    known = _known_terms(list(terms))
    count = len(call.images)
    entries = {}
    for term in dict.fromkeys([*known, "timestamp", *terms]):
        value = terms.get(term)
        words = known.get(term, {"label": term, "datatype": "<class 'str'>"})
        values = value if isinstance(value, list) and len(value) == count else [value] * count
        entries[term] = {"label": words["label"], "datatype": words["datatype"], "value": values}
    name = "image" if _major(version) < 5 else "filepath"
    files = {"label": "image files", "datatype": "<class 'str'>", "value": list(call.images)}
    return {**entries, name: files}


def _known_terms(names: list[str]) -> Mapping[str, Mapping[str, str]]:
    """PlantCV's own labels and types of the terms that it knows."""
    with contextlib.suppress(Exception):
        from plantcv.parallel import WorkflowConfig

        config = WorkflowConfig()
        config.filename_metadata = names
        terms: Mapping[str, Mapping[str, str]] = config.metadata_terms
        return terms
    return {}


def _collect_images(call: Call, space: Workspace) -> None:
    """Put the images that the script wrote under the names that the step declares.

    A file ``mask`` is the one image called ``mask``, or ``…_mask``, with the declared suffix.
    """
    written = sorted(path for path in (space.folder / _PICTURES).rglob("*") if path.is_file())
    for name, target in space.files.items():
        suffix = Path(target).suffix.lower()
        fitting = [
            path
            for path in written
            if path.suffix.lower() == suffix
            and (path.stem == name or path.stem.endswith((f"_{name}", f"-{name}")))
        ]
        if len(fitting) != 1:
            shown = ", ".join(path.name for path in written) or "nothing"
            what = f"{len(fitting)} of them fit" if fitting else "none of them fits"
            raise OutputError(
                f"the file {name!r}: the script wrote {shown} to args.outdir, {what} *_{name}{suffix}"
            )
        os.replace(fitting[0], target)


def _keeps_all(call: Call) -> bool:
    """Whether the pictures that no file of the step names are kept, too."""
    return bool(call.task.work.get("writeimg"))


def _major(version: str) -> int:
    return int(version.partition(".")[0])
