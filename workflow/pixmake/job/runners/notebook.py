"""Kind of step ``notebook``: a Jupyter notebook, run by papermill with the job's inputs as parameters."""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixmake.base.python_calls import replace_calls
from pixmake.images.remote.uris import is_remote
from pixmake.job import program
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.measurements import Measurements, from_json
from pixmake.job.runners.metadata import metadata
from pixmake.job.runners.plantcv import read_result
from pixmake.job.runners.programs import OutputError, Workspace, job_content, workspace

OPENS_FILES = True
PRELOAD = ("papermill", "nbclient", "jupyter_client", "ipykernel.kernelspec")

SKIPPED = {"skip", "skip-execution"}
"""Tags of cells that are left out; so are those with a line ``# @ignore``, PlantCV's word for it."""

GIVEN = (
    *("id", "meta", "needs", "files", "result", "threads", "image", "images", "rows", "measurements"),
    *("part", "parts", "axes"),
)
"""The names under which a notebook gets its job."""

_IGNORED = re.compile(r"^\s*#\s*@ignore\b", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def run(call: Call) -> Outcome:
    """Run the notebook in its own folder, as it was written there; each image has a kernel of its own."""
    with workspace(call) as space:
        source, executed = space.folder / "source.ipynb", space.folder / "executed.ipynb"
        parameters = parameters_of(call, space)
        content = json.loads(program.content(call.task.work["notebook"]))
        source.write_text(json.dumps(prepared(content, parameters)), encoding="utf-8")
        kept = Path(call.log).with_suffix(".ipynb")
        kept.unlink(missing_ok=True)
        try:
            folder = os.path.dirname(call.task.work["notebook"])
            _execute(source, executed, parameters, *_kernel(content), folder)
        except Exception:
            if executed.exists():
                shutil.copyfile(executed, kept)
                print(f"the notebook, as far as it came: {kept}", flush=True)
            raise
        for target in map(Path, space.files.values()):
            if target.suffix == ".ipynb" and not target.exists():
                shutil.copyfile(executed, target)
        return Outcome(_measurements(call, space))


def parameters_of(call: Call, space: Workspace) -> dict[str, Any]:
    """What the notebook gets by name; every path is a whole one."""
    given = job_content(call, space)
    paths = ("image", "images", "needs", "files", "result")
    whole: dict[str, Any] = {name: _whole(given[name]) for name in paths if name in given}
    left = {name: value for name, value in given.items() if name not in ("params", "step")}
    left["meta"] = metadata(call)
    return {**call.task.params, **left, **whole, **_how_to_read(call)}


def _how_to_read(call: Call) -> dict[str, Any]:
    """The part of its image, or of each, that is meant, and the axes: for ``pixmake.images.read_image``."""
    gathered, found = call.gathered, {"axes": call.axes} if call.axes else {}
    if call.task.members:
        parts = [each.get("", each) for each in gathered.parts]
        return {**found, "parts": parts} if any(parts) else found
    if not call.task.parts:
        return found
    if call.task.names:
        return {**found, "parts": dict(zip(call.task.names, call.parts, strict=True))}
    return {**found, "part": call.parts[0]}


def _whole(paths: Any) -> Any:
    """Paths that hold in any folder, in whatever they stand."""
    if isinstance(paths, Mapping):
        return {name: _whole(path) for name, path in paths.items()}
    return (
        [_whole(path) for path in paths]
        if isinstance(paths, list)
        else paths
        if is_remote(paths)
        else os.path.abspath(paths)
    )


def prepared(
    content: dict[str, Any], parameters: Mapping[str, Any], debug: str | None = None
) -> dict[str, Any]:
    """A notebook whose PlantCV inputs are the job's, and whose cells to skip are marked so."""
    for cell in content["cells"]:
        if cell["cell_type"] != "code":
            continue
        text = "".join(cell["source"])
        tags = cell.setdefault("metadata", {}).setdefault("tags", [])
        if SKIPPED & set(tags) or _IGNORED.search(text):
            tags.append("skip-execution")  # nbclient's own word
        elif any(word in text for word in _PLANTCVS):
            cell["source"] = with_inputs(text, parameters, debug)
    return content


def with_inputs(text: str, parameters: Mapping[str, Any], debug: str | None = None) -> str:
    """A cell with each call of PlantCV's ``WorkflowInputs`` given the job's inputs.

    What else the call says, such as a threshold, stays, unless a param of the step has its name. So does
    ``workflow_inputs``, which would read the command line of a kernel. What ``JupyterConfig`` configures is a
    run over all images, which is under way: it can be set and asked, and does nothing.
    """
    text = replace_calls(
        text,
        "WorkflowInputs",
        lambda call: f"{ast.unparse(call.func)}({_inputs(call, parameters, debug)})",
    )
    text = replace_calls(
        text, "workflow_inputs", lambda call: f"{_WORKFLOW_INPUTS}({_words(call, parameters, debug)})"
    )
    for name in ("JupyterConfig", "jupyterconfig"):
        text = replace_calls(text, name, lambda call: _NO_CONFIG)
    return text


_PLANTCVS = ("WorkflowInputs", "workflow_inputs", "JupyterConfig", "jupyterconfig")
_WORKFLOW_INPUTS = "__import__('plantcv.parallel', fromlist=['x']).WorkflowInputs"
_NO_CONFIG = (
    "type('JupyterConfig', (), {'filename_metadata': [], 'metadata_filters': {}, 'metadata_regex': {}, "
    "'other_args': {}, 'groupby': ['filepath'], 'cluster_config': {}, 'run': lambda self: None, "
    "'save_config': lambda self: None, 'import_config': lambda self, config_file: None, "
    "'inspect_dataset': lambda self: (None, None), '__getattr__': lambda self, name: None})()"
)


def _words(call: ast.Call, parameters: Mapping[str, Any], debug: str | None) -> str:
    """The job's inputs as a command line gives them: each param as text, one that is not given as None."""
    asked = [
        word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)
    ]
    given = {
        name: _text(value) if name in asked else value
        for name, value in parameters.items()
        if value is not None
    }
    missing = [name for name in asked if name not in given]
    inputs = _inputs(ast.Call(call.func, [], []), given, debug)
    return ", ".join([inputs, *(f"{name}=None" for name in missing)])


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _inputs(call: ast.Call, parameters: Mapping[str, Any], debug: str | None) -> str:
    images = parameters.get("images") or [parameters["image"]]
    if not isinstance(images, Mapping):
        images = {f"image{number}": path for number, path in enumerate(images, 1)}
    fixed = {
        "images": list(images.values()),
        "names": ",".join(images),
        "result": parameters["result"],
        "outdir": os.path.dirname(parameters["result"]),
        "writeimg": bool(parameters["files"]),
        "debug": debug,
    }
    own = (*GIVEN, *fixed)
    given = {name: value for name, value in parameters.items() if name not in own}
    words = [f"{name}={value!r}" for name, value in {**fixed, **given}.items()]
    words += [
        f"{word.arg}={ast.unparse(word.value)}"
        for word in call.keywords
        if word.arg and word.arg not in fixed and word.arg not in given
    ]
    return ", ".join(words)


def _execute(
    source: Path, executed: Path, parameters: dict[str, Any], kernel: str, language: str, folder: str
) -> None:
    """Run the notebook to its end.

    Raises
    ------
    Exception
        One named as the notebook's own, with the number of its cell and its traceback.
    """
    try:
        import papermill
        from traitlets.config import Config
    except ImportError as error:
        hint = "install it there: pip install papermill ipykernel"
        raise ModuleNotFoundError(
            f"a notebook needs papermill in the step's Python ({error}); {hint}"
        ) from None
    try:
        # parameters that a notebook does not have are no mistake
        logging.getLogger("papermill").setLevel(logging.ERROR)
        # the Python of the step, not one of the same name that the user registered
        os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
        with tempfile.TemporaryDirectory(prefix="pixmake-") as runtime:
            # files, which must have short paths, not TCP ports, of which two kernels could choose the same
            os.environ["JUPYTER_RUNTIME_DIR"] = runtime
            papermill.execute_notebook(
                str(source),
                str(executed),
                parameters=parameters,
                kernel_name=kernel,
                language=language,
                cwd=folder or ".",
                progress_bar=False,
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{runtime}/kernel"}}),
            )
    except papermill.PapermillExecutionError as error:
        told = _COLOURS.sub("", "\n".join(error.traceback))
        print(told, flush=True)
        kind = type(str(error.ename), (Exception,), {"told": told})
        raise kind(f"{_COLOURS.sub('', str(error.evalue))} (in cell {error.exec_count})") from None


def _kernel(content: Mapping[str, Any]) -> tuple[str, str]:
    """The notebook's kernel, or for Python the one of the step's own Python, whatever it was called.

    And its language: a notebook that says nothing of either is one of Python.
    """
    metadata = content.get("metadata", {})
    language = metadata.get("language_info", {}).get("name", "python")
    spec = metadata.get("kernelspec", {})
    language = spec.get("language", language)
    return "python3" if language == "python" else str(spec.get("name", language)), language


def _measurements(call: Call, space: Workspace) -> Measurements:
    """What the notebook wrote to ``result``: PlantCV's file of results, or names and values as JSON."""
    if not space.result.exists():
        if call.outputs:
            return {}
        what = "the notebook wrote no measurements: the variable `result` says where to, as JSON"
        raise OutputError(
            f"{what}; in a PlantCV notebook pcv.outputs.save_results(filename=args.result) does it"
        )
    text = space.result.read_text(encoding="utf-8", errors="replace")
    if '"observations"' in text:
        return read_result(text, call)
    return from_json(text, "its file of measurements")
