"""A job as a notebook: its inputs loaded, its code to change, one cell after the other."""

from __future__ import annotations

import json
import os
import pprint
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.placeholders import fill_command, fill_word
from pixmake.base.python_calls import replace_calls
from pixmake.images.remote.objects import settings
from pixmake.images.remote.uris import is_remote
from pixmake.job.runners import Call
from pixmake.job.runners.metadata import metadata
from pixmake.job.runners.notebook import parameters_of, prepared
from pixmake.job.runners.programs import Workspace, job_content, values
from pixmake.plan.analysis import read_signature

_SHOW = """\
import cv2
from IPython.display import Image


def show(picture):
    return Image(cv2.imencode(".png", picture)[1].tobytes())


show({what})
"""


def notebook_of(call: Call) -> dict[str, Any]:
    """A notebook in which one image's job can be worked on; what it writes lies beside the tried results."""
    record = Path(call.record)
    result, rows = record.with_suffix(".result.json"), record.with_suffix(".measurements.csv")
    space = Workspace(record.parent, call.outputs, result, rows)
    if call.task.kind == "notebook":
        content = json.loads(Path(call.task.work["notebook"]).read_text(encoding="utf-8"))
        parameters = parameters_of(call, space)
        made = prepared(content, parameters, debug="plot")
        first = next((n for n, cell in enumerate(made["cells"]) if "parameters" in _tags(cell)), -1)
        made["cells"].insert(first + 1, _code(_assigned(parameters)))
        return made
    if call.task.kind not in _CELLS:
        what = f"a step of kind {call.task.kind} has no text that a notebook could run"
        raise PixmakeError([Problem(what, f"steps.{call.task.step}", f"one of: {', '.join(_CELLS)}")])
    cells = [_code(text) for text in _CELLS[call.task.kind](call, space)]
    title = f"# {call.task.step} of {call.task.id}\n\nWritten by `pixmake try`: paths start from this folder."
    markdown = {"cell_type": "markdown", "metadata": {}, "source": title}
    for number, cell in enumerate([markdown, *cells]):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [markdown, *cells],
    }


def _function(call: Call, space: Workspace) -> Iterator[str]:
    task = call.task
    file, _, name = task.work["function"].rpartition(":")
    signature = read_signature(file, name)
    given: dict[str, str] = {key: repr(value) for key, value in task.params.items()}
    given.update({key: f"read_file({path!r})" for key, path in call.needed.items()})
    for key, paths in call.gathered.by_name.items():
        reads = ", ".join(f"{name!r}: read_file({path!r})" for name, path in paths.items())
        given[key] = f"{{{reads}}}"
    if task.names:
        by_name = dict(zip(task.names, call.images, strict=True))
        reads = ", ".join(f"{key!r}: {_reading(call, at)}" for at, key in enumerate(by_name))
        given.update(images=f"{{{reads}}}", paths=repr(by_name))
    else:
        given.update(image=_reading(call, 0), path=repr(call.images[0]))
    given["meta"] = repr(metadata(call))
    given["measurements"] = repr(list(call.gathered.measurements))
    given.update({step: repr(found) for step, found in call.gathered.results.items()})
    asked = {key: text for key, text in given.items() if signature.accepts(key)}
    folder = os.path.dirname(file) or "."
    inputs = "\n".join(f"{key} = {text}" for key, text in asked.items())
    yield (
        f"import sys\n\nsys.path.insert(0, {folder!r})\n"
        f"from pixmake.images.read import read_file, read_image\n{_reach(call)}\n{inputs}"
    )
    if ("image" in asked or "images" in asked) and (call.axes or "yx") in ("yx", "yxc"):
        yield _SHOW.format(what="image" if "image" in asked else f"images[{task.names[0]!r}]")
    yield Path(file).read_text(encoding="utf-8")
    arguments = ", ".join(f"{key}={key}" for key in asked)
    yield f"found = {name}({arguments})\nfound"


def _reach(call: Call) -> str:
    """What a notebook says so that images at URIs can be read."""
    how = settings()
    if not how or not any(map(is_remote, call.images)):
        return ""
    return f"from pixmake.images.remote.objects import configure\n\nconfigure({how!r})\n"


def _reading(call: Call, number: int) -> str:
    """The call that reads one of the images."""
    words = [repr(call.images[number])]
    words += [repr(dict(call.parts[number]))] if call.parts[number] else []
    words += [f"axes={call.axes!r}"] if call.axes else []
    return f"read_image({', '.join(words)})"


def _plantcv(call: Call, space: Workspace) -> Iterator[str]:
    script = call.task.work["script"]
    yield (
        "from plantcv.parallel import WorkflowInputs\n\n"
        f"inputs = WorkflowInputs(\n"
        f"    images={list(call.images)!r},\n"
        f"    names={','.join(call.task.names or ('image1',))!r},\n"
        f"    result={str(space.result)!r},\n"
        f"    outdir={str(space.folder)!r},\n"
        f"    writeimg={bool(call.outputs or call.task.work.get('writeimg'))!r},\n"
        '    debug="plot",\n'
        + "".join(f"    {name}={str(value)!r},\n" for name, value in call.task.params.items())
        + ")"
    )
    yield replace_calls(Path(script).read_text(encoding="utf-8"), "workflow_inputs", lambda _: "inputs")


def _script(call: Call, space: Workspace) -> Iterator[str]:
    script, found = call.task.work["script"], values(call, space)
    words = [word for each in call.task.work.get("args", ()) for word in fill_word(each, found)]
    job = space.folder / f"{call.task.id}.job.json"
    content = job_content(call, space)
    yield (
        f"import json\nimport os\nimport sys\n\njob = {pprint.pformat(content, sort_dicts=False)}\n"
        f"with open({str(job)!r}, 'w') as file:\n    json.dump(job, file)\n"
        f"os.environ['PIXMAKE_JOB'] = {str(job)!r}\nsys.argv = {[script, *words]!r}"
    )
    text = Path(script).read_text(encoding="utf-8")
    yield text if script.endswith(".py") else f"%%script {_program(script)}\n{text}"


def _program(script: str) -> str:
    from pixmake.job.runners.script import program

    return " ".join([*program(script)[:-1], "-"])


def _shell(call: Call, space: Workspace) -> Iterator[str]:
    yield f"%%bash\n{fill_command(call.task.work['command'], values(call, space))}"
    yield f"print(open({str(space.result)!r}).read())" if "{result}" in call.task.work["command"] else ""


def _pixel_classification(call: Call, space: Workspace) -> Iterator[str]:
    yield (
        "from pixmake.images.read import read_image\n"
        "from pixmake.classifier.apply import channels_first, classify, load_classifier\n\n"
        f"classifier = load_classifier({call.task.work['model']!r})\n"
        f"image = read_image({call.images[0]!r}, {dict(call.parts[0])!r}, {call.axes!r})"
    )
    yield (
        f"image = channels_first(image, {call.axes!r})\n"
        "labels, probabilities = classify(classifier, image, probabilities=True)"
    )


_CELLS = {
    "function": _function,
    "plantcv": _plantcv,
    "script": _script,
    "shell": _shell,
    "pixel_classification": _pixel_classification,
}


def _assigned(parameters: Mapping[str, Any]) -> str:
    return "\n".join(f"{name} = {value!r}" for name, value in parameters.items())


def _tags(cell: Mapping[str, Any]) -> Sequence[str]:
    tags: Sequence[str] = cell.get("metadata", {}).get("tags", ())
    return tags


def _code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "source": text,
        "outputs": [],
        "execution_count": None,
    }
