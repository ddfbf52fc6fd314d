"""config.yaml as typed models: the one source of its checks, its JSON Schema and its documentation."""

from __future__ import annotations

import datetime
import keyword
import math
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)

from pixmake.base import plugins
from pixmake.base.attempts import at_attempt, expression_problem, is_expression
from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.quantities import megabytes, minutes
from pixmake.config.aggregate import Aggregate
from pixmake.config.base_model import Model
from pixmake.config.bounded_yaml import load_yaml
from pixmake.config.images import Images, image_inconsistencies
from pixmake.config.load import Loader
from pixmake.config.network import Network
from pixmake.config.storage import Storage
from pixmake.config.training import Training
from pixmake.images.axes import NAMED
from pixmake.images.read import TABLES

ARGUMENTS = ("image", "images", "path", "paths", "meta", "rows", "measurements", "missing")
"""What every analysis can ask for by name; a param or a file cannot be called so."""

OWN_KINDS = (
    *("function", "plantcv", "script", "shell", "notebook", "stitch"),
    *("pixel_classification", "onnx", "ilastik"),
)
"""The kinds of step that come with pixmake; see `KINDS`."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Suffix = Annotated[str, Field(pattern=r"^\.?[A-Za-z0-9]+(\.[A-Za-z0-9]+)*$")]


def _whole_number(given: Any) -> Any:
    """A whole number above 0, a list of them (one an attempt), or an expression of `attempt`."""
    if isinstance(given, str) and is_expression(given):
        return _resource(given)
    values = given if isinstance(given, list) and given else [given]
    if given is None or all(type(value) is int and value > 0 for value in values):
        return given
    raise ValueError(
        f"{given!r} is neither a whole number above 0, nor a list of them (one for each attempt), "
        'nor an expression such as "1000 * attempt"'
    )


def _run_time(given: Any) -> Any:
    """Minutes as `_whole_number`, or a text such as `2h`, which becomes minutes."""
    return _whole_number(_in_unit(given, minutes, "e.g. 90, 2h or 1h30m"))


def _in_unit(given: Any, read: Callable[[str], int | None], hint: str) -> Any:
    """A value, or a list of them, whose texts are numbers with a unit; an expression stays what it is."""
    if isinstance(given, list):
        return [_in_unit(value, read, hint) for value in given]
    if not isinstance(given, str) or is_expression(given):
        return given
    found = read(given)
    if found is None:
        raise ValueError(f"{given!r} is not understood, {hint}")
    return found


def _known_resources(given: Any) -> Any:
    """Resources by the names that pixmake limits jobs by: sizes in megabytes, whatever they were given in."""
    if not isinstance(given, dict):
        return given
    found: dict[Any, Any] = {}
    for name, value in given.items():
        if name in _REFUSED:
            raise ValueError(_REFUSED[name])
        if not isinstance(name, str) or not _RESOURCE.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a resource: letters, digits and _, a letter first")
        size, _, unit = name.partition("_")
        own = name
        if size in ("mem", "disk") and unit in ("", "mb", "mib"):
            own = f"{size}_mb"
            value = _in_unit(value, megabytes, "e.g. 500MB or 4GB") if not unit else value
            value = _from_mebibytes(value) if unit == "mib" else value
        if own in found:
            raise ValueError(f"{name} and another of its units both say how much {own} is")
        found[own] = value
    return found


def _from_mebibytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_mebibytes(each) for each in value]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return math.ceil(value * 1.048576) if is_number else value


_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_REFUSED = {
    "mpi": "mpi: an image is one process here, not several ranks; for several cores give it `threads`",
    "threads": "threads: the cores of a job are the step's own key `threads`",
    "attempt": "attempt: this name is taken, by the number of an attempt",
}
"""Resources that Snakemake has a meaning for which no job of an image has."""


def _resource(given: Any) -> Any:
    """Any value, a list of values (one an attempt), or an expression of `attempt`."""
    values = given if isinstance(given, list) and given else [given]
    if not all(isinstance(value, (str, int, float)) for value in values):
        raise ValueError(f"{given!r} is no value, list of values (one for each attempt) or expression")
    if isinstance(given, str) and is_expression(given) and (problem := expression_problem(given)):
        raise ValueError(f"{given!r}: {problem}")
    return given


class Resources(Model):
    """What a job needs; any resource that Snakemake or a cluster profile knows may stand here.

    Each is a value, a list with a value for each attempt (the last one repeats), or an expression of
    `attempt`, e.g. `1000 * attempt`.
    """

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _by_known_names(cls, given: Any) -> Any:
        return _known_resources(given)

    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(_resource)]]

    mem_mb: Annotated[int | list[int] | str | None, BeforeValidator(_whole_number)] = None
    """Memory in MB: asked of the cluster, and the limit of one image's process. `mem: 4GB` says the same."""

    runtime: Annotated[int | str | list[int | str] | None, BeforeValidator(_run_time)] = None
    """Minutes, or a text such as `2h` or `1h30m`: asked of the cluster."""

    def given(self) -> dict[str, Any]:
        """The resources that were set, by name."""
        return self.model_dump(exclude_none=True)

    def at(self, attempt: int) -> dict[str, Any]:
        """The resources of one attempt, the first one being 1."""
        return {name: at_attempt(value, attempt) for name, value in self.given().items()}


def _axes(given: str) -> str:
    """Letters of axes, each once, with ``y`` and ``x``."""
    if set(given) <= set(NAMED) and {"y", "x"} <= set(given) and len(set(given)) == len(given):
        return given
    raise ValueError(f"{given!r} are no axes: y and x, and of t, c, z those that are to be there, e.g. zyx")


def _number_or_share(given: Any) -> Any:
    """A count, or a percentage as text."""
    if type(given) is int and given >= 0:
        return given
    if isinstance(given, str) and _SHARE.fullmatch(given) and float(given.rstrip(" %")) <= 100:
        return given
    raise ValueError(f'{given!r} is neither a whole number nor a percentage such as "5%"')


_SHARE = re.compile(r"\d+(\.\d+)? ?%")


def _folder(given: str) -> str:
    """A folder's path in its plain form."""
    if not given.strip() or posixpath.normpath(given) == ".":
        raise ValueError(f"{given!r} is no folder of its own, e.g. results")
    strange = sorted(set(_NOT_IN_PATHS.findall(given)))
    if strange:
        shown = ", ".join(map(repr, strange))
        raise ValueError(f"{given!r} has {shown}, which Snakemake does not take as they are in a path")
    if given != given.strip() or any(len(part.encode()) > _LONGEST_NAME for part in given.split("/")):
        raise ValueError(f"{given!r} is no name for a folder: it is too long, or has spaces at an end")
    if ".snakemake" in given.split("/") and not given.startswith(_OURS):
        raise ValueError(f"{given!r} is below .snakemake, which is Snakemake's own")
    return posixpath.normpath(given)


_NOT_IN_PATHS = re.compile(r"[{}<>*?\[\]\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_NAME = 200
_OURS = ".snakemake/pixmake/"


def _as_json(given: Any) -> Any:
    """What stands in YAML as JSON has it: a date is the text that was written."""
    if isinstance(given, dict):
        for key in given:
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} is no text; quote it")
        return {key: _as_json(value) for key, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [_as_json(value) for value in given]
    if isinstance(given, (datetime.date, datetime.datetime)):
        return given.isoformat()
    if given is not None and not isinstance(given, (bool, int, float, str)):
        raise ValueError(f"{given!r} is no text, number, list or mapping")
    return given


class Executor(Model):
    """Where jobs run, and with what: a step names one, and its own `threads` and `resources` win."""

    threads: Annotated[int, Field(gt=0)] | None = None
    """Cores of one image's job."""

    resources: Resources = Resources()  # type: ignore[call-arg]  # as in a step
    """As a step's `resources`."""

    partition: str | None = None
    """The cluster's partition or queue."""

    account: str | None = None
    """The account, or project, that a cluster job is booked on."""

    gpu: Annotated[int, Field(ge=0)] | None = None
    """Devices for one image's job; on a local machine each job sees its own."""

    flags: str | None = None
    """More options for the cluster's submit command, e.g. `--qos=long`."""

    local: bool = False
    """Run in the Snakemake process itself, though the other jobs go to a cluster."""

    images_per_job: Annotated[int, Field(gt=0)] | Literal["auto"] | None = None
    """How many images one cluster job holds; `auto`: as many as fill `job_minutes`, by the seconds
    that images took before. Default: each image is a cluster job of its own."""

    job_minutes: Annotated[float, Field(gt=0)] | None = None
    """How long one cluster job should run, for `auto`; default: 20."""


def _exactly_one(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [kind]} for kind in KINDS]


class Step(Model):
    """One thing that is done to each image."""

    model_config = ConfigDict(
        json_schema_extra=_exactly_one,
        # one that gets more keys below is built once, with them
        defer_build=bool(plugins.installed("kinds")),
    )

    function: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """`FILE.py:NAME`, the function of an image that does it."""

    plantcv: Annotated[str, Field(pattern=r"^.+\.py$")] | None = None
    """A PlantCV workflow script, as it is."""

    script: str | None = None
    """A Python, R or shell script, or any file whose first line is `#!` and what runs it."""

    shell: str | None = None
    """A command, with placeholders such as `{image}`, `{files.mask}` and `{params.sigma}`."""

    notebook: Annotated[str, Field(pattern=r"^.+\.ipynb$")] | None = None
    """A Jupyter notebook, run with the job's inputs as its parameters."""

    pixel_classification: str | None = None
    """A pixel classifier, the file that `pixmake train` wrote."""

    ilastik: Annotated[str, Field(pattern=r"^.+\.ilp$")] | None = None
    """A project of ilastik, run by an ilastik that is installed beside pixmake."""

    onnx: Annotated[str, Field(pattern=r"^.+\.onnx$")] | None = None
    """A network as a file of ONNX, which gives each pixel a class or a distance."""

    network: Network | None = None
    """What the network of an `onnx` step takes and gives."""

    program: str | None = None
    """The program that starts ilastik; default: `run_ilastik.sh`, or `ilastik`, on the PATH."""

    images_per_process: Annotated[int, Field(gt=0)] | None = None
    """How many images one process of a `function` works on, one after the other; default: 1. More are for
    work of some milliseconds; then what a library remembers of one image is there for the next."""

    load: dict[Name, Loader] = {}
    """What a `function` gets by name and is loaded once for all images, such as a model: a function each,
    `FILE.py:NAME`, with the `files` that it reads."""

    load_in: Literal["auto", "fork", "process"] = "auto"
    """Where it is loaded: `fork`, in the process of which each image is a fork; `process`, in processes that
    work on image after image, for what must not cross a fork; `auto`: by what is imported."""

    load_slots: Annotated[int, Field(gt=0)] | None = None
    """How many such processes there are at one time; default: as many as images are worked on, or GPUs."""

    load_timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds that it may take to load; default: 1800, since weights may have to be fetched."""

    batch: Annotated[int, Field(gt=0)] | None = None
    """How many images a `function` with `load` works on together, at the most: it asks for `batch`, a list of
    what `image` or `images` would be, and returns a list with what it would return for each."""

    cpu_fallback: bool = False
    """Whether the CPU does the work of a step with `load` where the GPU that it asks for is not there."""

    images_per_start: Annotated[int, Field(gt=0)] = 20
    """How many images one start of ilastik works on, which takes seconds by itself."""

    training: Training | None = None
    """What `pixmake train` makes that classifier from."""

    stitch: Annotated[dict[Name, Literal["labels", "image", "table"]], Field(min_length=1)] | None = None
    """Files of a needed step that ran on tiles, by name, and what they are: they become files of whole
    images, which `files` names, too. `labels`: an object has one number in all tiles; `table`: a row is an
    object, with the coordinates of the whole image; `image`: tiles are put beside one another."""

    axes: Annotated[str, AfterValidator(_axes)] | None = None
    """The axes that an image is to have, such as `yx`, `yxc`, `zyx` or `tczyx`: those of one pixel are
    dropped or added, the others brought into this order; default: those that it has."""

    args: list[str | int | float] = []
    """The words behind the name of a `script`, with placeholders as in `shell`."""

    measurements: Literal["json", "csv", "stdout-json", "stdout-csv"] | None = None
    """How a `script` or `shell` step gives its measurements: in the file `{result}`, or printed."""

    needs: list[str] = []
    """Steps whose files or results this one uses; without it the step depends on the image alone."""

    needs_all: list[str] = []
    """Steps of which each job gets the results of all images: a background, a normalisation."""

    per: str | list[str] | None = None
    """Terms of the table: the step runs once for the images that share their values (a plant's time
    series), or with `all` once for all images; default: once for each image."""

    params: Annotated[dict[Name, Any], AfterValidator(_as_json)] = {}
    """Arguments of the function, by name; a changed value runs the step again."""

    files: dict[Name, Suffix] = {}
    """Files that the step writes, by name, with their suffix: `mask: png`."""

    writeimg: bool = False
    """Whether a `plantcv` script is told to write pictures (`--writeimg`), and those that no file of the step
    names are kept as well, in `results/<step>/<id>.images/`."""

    corrected: str | None = None
    """A folder of files that were corrected by hand, called as in `results/<step>`, such as `p7.mask.png`.
    Each stands in for what the step makes of that image; where all of an image's are there, it is not run."""

    threads: Annotated[int, Field(gt=0)] = 1
    """Cores of one image's job; OpenCV and BLAS are held to it."""

    resources: Resources = Resources()  # type: ignore[call-arg]  # mypy takes the extras for a field
    """Memory, run time and other resources of one image's job."""

    retries: Annotated[int, Field(ge=0)] = 0
    """How often a failed image is tried again within one run."""

    timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds after which one image's process is ended, with its children."""

    executor: Name | None = None
    """The executor that runs the step; default: what the machine's settings say, or `default`."""

    python: str | None = None
    """The Python interpreter that runs the step; default: the one that runs Snakemake."""

    conda: str | None = None
    """A conda environment for the step: a file `*.yaml`, or the name of one; needs `--sdm conda`."""

    container: str | None = None
    """A container image for the step: `docker://…`, or a file `*.sif`; needs `--sdm apptainer`."""

    on_error: Literal["continue", "stop"] | None = None
    """As the key of this name at the top level, for this step."""

    @model_validator(mode="after")
    def _one_kind(self) -> Step:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"is {' and '.join(given)} at once" if given else "does not say what to run"
            raise ValueError(f"the step {what}; it has exactly one of: {', '.join(KINDS)}")
        return self

    @property
    def kind(self) -> str:
        """Which kind of step it is: one of `KINDS`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def runs(self) -> str:
        """What the step runs: the value of the key of its kind."""
        return str(getattr(self, self.kind))

    @property
    def terms(self) -> tuple[str, ...] | None:
        """The terms of `per`, none of them for `all`; `None` if the step runs once for each image."""
        if self.per is None:
            return None
        return () if self.per == "all" else (self.per,) if isinstance(self.per, str) else tuple(self.per)


ADDED_KINDS: Mapping[str, plugins.Entry] = plugins.free("kinds", Step.model_fields)
"""The kinds of step that installed packages add, by their keys."""

KINDS = (*OWN_KINDS, *ADDED_KINDS)
"""The kinds of step: the keys of which a step has exactly one."""

if not TYPE_CHECKING and ADDED_KINDS:
    _fields = {
        name: (str | None, Field(None, description=f"A kind of step that {entry.package} adds."))
        for name, entry in ADDED_KINDS.items()
    }
    Step = create_model("Step", __base__=Step, __module__=__name__, __doc__=Step.__doc__, **_fields)

DEFAULT_RESULTS, DEFAULT_LOGS = "results", "logs"


class Config(Model):
    """A pixmake project: which images, which steps, and where the results go."""

    images: Images
    """Where the images and their metadata come from."""

    steps: Annotated[dict[Name, Step], Field(min_length=1)]
    """What is done to each image: a name and a step each."""

    results: Annotated[str, AfterValidator(_folder)] = DEFAULT_RESULTS
    """The folder of all results."""

    logs: str = ""
    """The folder of all logs; without it `logs`, or where `results` is another, `<results>/logs`."""

    storage: Storage = Storage()
    """How images at `s3://`, `gs://` and `https://` are reached, and where local copies stay."""

    executors: dict[Name, Executor] = {}
    """Where jobs run, by name; they come on top of those of the machine's settings."""

    on_error: Literal["continue", "stop"] = "continue"
    """`continue`: a failed image is recorded and the rest goes on; `stop`: the run ends at the first."""

    max_failures: Annotated[int | str, BeforeValidator(_number_or_share)] = 0
    """If more images than these fail, the run ends with an error once its tables are written: a
    number, or a share of all images such as `5%`."""

    keep: Literal["all", "results", "failed"] = "all"
    """`all`: everything stays; `results`: files that only other steps need are removed once those are
    done; `failed`: as `results`, and only failed images keep their log and what they worked on."""

    aggregate: Aggregate = Aggregate()
    """What is made of the records of all images."""

    def model_post_init(self, context: Any, /) -> None:
        """Tell a folder of images where results go, which may be inside it."""
        if self.images.directory is not None:
            self.images.directory._results = self.results

    @property
    def log_folder(self) -> str:
        """The folder of all logs: two projects with results of their own write over none of the other's."""
        beside = DEFAULT_LOGS if self.results == DEFAULT_RESULTS else f"{self.results}/{DEFAULT_LOGS}"
        return self.logs or beside

    def reach(self) -> dict[str, Any]:
        """How images are reached and read: what `pixmake.images.remote.objects.configure` gets."""
        return {**self.storage.given(), **self.said_of_arrays()}

    def said_of_arrays(self) -> dict[str, Any]:
        """Of the above what decides the pixels of an image."""
        return {"zarr_axes": self.images.axes} if self.images.axes else {}

    def keeps_going(self, step: Step) -> bool:
        """Whether a failed image of this step leaves a record and lets the run go on."""
        return (step.on_error or self.on_error) == "continue"

    def is_temporary(self, name: str) -> bool:
        """Whether the files of a step are removed once all that need them are done."""
        needed = any(name in step.needs for step in self.steps.values())
        # a job that gets all images' files has no rule that depends on them
        for_all = any(name in step.needs_all for step in self.steps.values())
        # nor has the table that is made of those of all images
        tables = any(
            suffix.rpartition(".")[2].lower() in TABLES for suffix in self.steps[name].files.values()
        )
        return self.keep != "all" and needed and not for_all and not tables

    def needed_files(self, step: Step) -> dict[str, str] | None:
        """The files of the steps that a step needs, with their suffixes.

        Nothing where such a step is not there: a mistake that is told by itself, and not once more by
        each thing that it would have given.
        """
        needs = [*step.needs, *step.needs_all]
        if any(need not in self.steps for need in needs):
            return None
        return {file: suffix for need in needs for file, suffix in self.steps[need].files.items()}


TAKEN = ("report_files",)
"""What no step can be called: folders below ``results`` that are not a step's."""

Keys = tuple[str | int, ...]
Places = Mapping[Keys, str]


def parse_config(content: Mapping[str, Any], files: Sequence[str | Path] = ()) -> Config:
    """Check a project's configuration as a whole.

    Parameters
    ----------
    content
        What the YAML files say, merged as Snakemake merges them.
    files
        Those files, to name the line of each problem.

    Raises
    ------
    PixmakeError
        With every problem that was found.
    """
    places, problems = _places_in(files)
    default = str(files[0]) if files else "config"
    for keys, text in _halved(content):
        what = f"{_dotted(keys)}: {text!r} has half a character, which no file can hold"
        problems.append(Problem(what, _place(places, keys, default)))
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        problems += [explain(detail, places, default) for detail in error.errors()]
        problems += _unknown_needs(content.get("steps"), places, default)
        raise PixmakeError(sorted(problems, key=_line)) from None
    problems += inconsistency_problems(config, files)
    if problems:
        raise PixmakeError(problems)
    return config


def inconsistency_problems(config: Config, files: Sequence[str | Path] = ()) -> list[Problem]:
    """What each key of a config allows by itself but not together."""
    places, _ = _places_in(files)
    default = str(files[0]) if files else "config"
    return [
        Problem(what, _place(places, keys, default), hint) for keys, what, hint in _inconsistencies(config)
    ]


def _places_in(files: Sequence[str | Path]) -> tuple[dict[Keys, str], list[Problem]]:
    """Where each key stands in YAML files, and the keys that stand there twice."""
    places: dict[Keys, str] = {}
    problems: list[Problem] = []
    for file in files:
        found, repeated = key_lines(file)
        places.update(found)
        problems += repeated
    return places, problems


def _halved(content: Any, keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """The texts that hold a lone surrogate, such as a YAML escape can write."""
    if isinstance(content, str):
        if _SURROGATE.search(content):
            yield keys, content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _halved(value, (*keys, key))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from _halved(value, (*keys, number))


_SURROGATE = re.compile(r"[\ud800-\udfff]")


def _unknown_needs(steps: Any, places: Places, default: str) -> Iterator[Problem]:
    """The steps that are needed and are not there, of steps that have other problems, too."""
    for name, step in steps.items() if isinstance(steps, dict) else ():
        for key in ("needs", "needs_all"):
            needs = step.get(key) if isinstance(step, dict) else None
            for need in needs if isinstance(needs, list) else ():
                if isinstance(need, str) and need not in steps:
                    keys, what, hint = _unknown_need(("steps", name, key), need, steps)
                    yield Problem(what, _place(places, keys, default), hint)


def _unknown_need(at: Keys, need: str, steps: Iterable[str]) -> tuple[Keys, str, str]:
    return at, f"there is no step {need!r}", nearest(need, steps)


def parse_images(content: Mapping[str, Any]) -> Images | None:
    """The `images` part alone, if that is in order: its table can be checked, whatever else is wrong."""
    try:
        return Images.model_validate(content.get("images"))
    except ValidationError:
        return None


def parse_storage(content: Mapping[str, Any]) -> dict[str, Any]:
    """The `storage` part alone, as far as it is in order."""
    try:
        return Storage.model_validate(content.get("storage") or {}).given()
    except ValidationError:
        return {}


def load_config(path: str | Path) -> Config:
    """Read and check ``config.yaml``.

    Raises
    ------
    PixmakeError
        The file is missing, is not YAML, or says something that cannot be.
    """
    return parse_config(read_config(path), [path])


def read_config(path: str | Path) -> dict[str, Any]:
    """What a YAML file says.

    Raises
    ------
    PixmakeError
        It is missing, is not YAML, or holds no keys.
    """
    text = ""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        content = load_yaml(text)
    except FileNotFoundError:
        hint = "run from the project's folder, or make a project with: pixmake init DIR"
        raise PixmakeError([Problem("there is no such file", str(path), hint)]) from None
    except (yaml.YAMLError, ValueError, OSError) as error:
        problems = [] if isinstance(error, (yaml.YAMLError, OSError)) else list(_false_dates(text, path))
        if problems:
            raise PixmakeError(problems) from None
        raise PixmakeError([Problem(f"cannot be read as YAML: {error}", str(path))]) from None
    if not isinstance(content, dict):
        raise PixmakeError([Problem("holds no keys", str(path), "it needs `images` and `steps`")])
    return content


def _false_dates(text: str, path: str | Path) -> Iterator[Problem]:
    """Values that look like dates to YAML and are none, such as 2024-13-01."""
    for event in yaml.parse(text):
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            try:
                yaml.safe_load(event.value)
            except ValueError as error:
                where = f"{path}:{event.start_mark.line + 1}" if event.start_mark else str(path)
                yield Problem(f"{event.value} is no date: {error}", where, "dates are YYYY-MM-DD")
            except yaml.YAMLError:
                continue  # a text that is no document of its own


def key_lines(path: str | Path) -> tuple[dict[Keys, str], list[Problem]]:
    """``file:line`` of each key of a YAML file, and the keys that stand there twice."""
    places: dict[Keys, str] = {}
    repeated: list[Problem] = []

    def walk(node: yaml.Node | None, keys: Keys) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*keys, str(key.value))
                place = f"{path}:{key.start_mark.line + 1}"
                if below in places:
                    repeated.append(Problem(f"the key {_dotted(below)} stands twice", place))
                places[below] = place
                walk(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                places[*keys, number] = f"{path}:{value.start_mark.line + 1}"
                walk(value, (*keys, number))

    try:
        walk(yaml.compose(Path(path).read_text(encoding="utf-8-sig")), ())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return (
            {},
            [],
        )  # not YAML as such (JSON, a template): Snakemake read it, lines are a courtesy
    return places, repeated


def _inconsistencies(config: Config) -> Iterator[tuple[Keys, str, str]]:
    """What each key allows by itself but not together: (keys, what, hint)."""
    yield from _step_inconsistencies(config)
    cycle = _cycle({name: [*step.needs, *step.needs_all] for name, step in config.steps.items()})
    if cycle:
        yield ("steps", cycle[0], "needs"), f"steps need each other: {' → '.join(cycle)}", ""
    lower: dict[str, str] = {}
    for name in config.steps:
        if name.lower() in TAKEN:
            yield ("steps", name), f"{config.results}/{name} is a folder of pixmake's own", "rename the step"
        twin = lower.setdefault(name.lower(), name)
        if twin != name:
            what = f"steps {twin!r} and {name!r} would write the same files where case does not count"
            yield ("steps", name), what, ""
    for key, what, hint in image_inconsistencies(config.images):
        yield ("images", key), what, hint


def _step_inconsistencies(config: Config) -> Iterator[tuple[Keys, str, str]]:
    for name, step in config.steps.items():
        at: Keys = ("steps", name)
        files: dict[str, str] = {}
        for key, need in [("needs", n) for n in step.needs] + [("needs_all", n) for n in step.needs_all]:
            if need not in config.steps:
                yield _unknown_need((*at, key), need, config.steps)
                continue
            for file in config.steps[need].files:
                if files.get(file, need) != need:
                    what = f"both {files[file]} and {need} have a file {file!r}"
                    yield (*at, key), what, "rename one of them"
                files[file] = need
        for key, needs in (("needs", step.needs), ("needs_all", [*step.needs, *step.needs_all])):
            if len(set(needs)) < len(needs):
                what = "a step stands twice" if key == "needs" else "a step stands twice, or in needs, too"
                yield (*at, key), what, ""
                break
        if step.terms is not None and len(set(step.terms)) < len(step.terms):
            yield (*at, "per"), "a term stands twice", ""
        for key, kind in (("params", "param"), ("files", "file"), ("load", "model")):
            for word in getattr(step, key):
                if word in ARGUMENTS or keyword.iskeyword(word):
                    yield (*at, key, word), f"{word!r} has a meaning of its own", f"rename the {kind}"
        for word in sorted(step.load):
            if word in step.params or word in files or word in step.files:
                what = f"a param or a file of step {name!r} has this name, too"
                yield (*at, "load", word), what, "rename one"
        for key in ("params", "files", "load"):
            if step.batch and "batch" in getattr(step, key):
                yield (*at, key, "batch"), "'batch' has a meaning of its own in this step", "rename it"
        if step.batch and step.load_in == "fork":
            hint = "remove load_in: the images of a batch share a serving process"
            yield (*at, "load_in"), "a fork works on one image, and the step has a batch", hint
        if step.batch and step.terms is not None:
            yield (*at, "batch"), "a step with `per` has several images by itself", "remove one of the two"
        for option in ("load_in", "load_slots", "load_timeout", "cpu_fallback", "batch"):
            if option in step.model_fields_set and not step.load and step.kind == "function":
                yield (*at, option), f"{option} has no meaning without load", "which model is it about?"
        if step.load and step.load_in == "process" and (step.images_per_process or 1) > 1:
            what = "a process that loads models works on all images by itself"
            yield (*at, "images_per_process"), what, "remove it"
        for option in meaningless(step):
            what = f"{option} has no meaning for a step of kind {step.kind}"
            yield (*at, option), what, f"it belongs to: {', '.join(_OF_KINDS[option])}"
        for resource, what, hint in _growth_problems(step):
            yield (*at, "resources", resource), what, hint
        places = [key for key in ("python", "conda", "container") if getattr(step, key)]
        if len(places) > 1:
            yield (*at, places[1]), f"{' and '.join(places)} exclude one another", "where is it to run?"
        for word in sorted(set(step.params) & set(files)):
            yield (*at, "params", word), f"{files[word]} has a file of the same name", "rename one"


def meaningless(step: Step) -> list[str]:
    """The keys that a step gives and that its kind does not know."""
    return [option for option in _OF_KINDS if getattr(step, option) and not knows(step.kind, option)]


def knows(kind: str, option: str) -> bool:
    """Whether a kind of step has a use for one of the keys that not all kinds know."""
    if kind in OWN_KINDS:
        return kind in _OF_KINDS[option]
    try:
        return option in getattr(plugins.load(ADDED_KINDS[kind]), "KEYS", ())
    except plugins.PluginError:
        return True  # told where the step is checked


def _growth_problems(step: Step) -> Iterator[tuple[str, str, str]]:
    """Resources that have no proper value at some attempt: (resource, what, hint)."""
    attempts = step.retries + 1
    for name, given in step.resources.given().items():
        if isinstance(given, list) and len(given) > attempts:
            what = f"{name} has {len(given)} values, but the step has {counted(attempts, 'attempt')}"
            yield name, what, f"set retries: {len(given) - 1}"
        for attempt in range(1, attempts + 1):
            try:
                value = at_attempt(given, attempt)
            except (ArithmeticError, TypeError, ValueError) as error:
                yield name, f"{given!r} has no value at attempt {attempt}: {error}", ""
                break
            if name in ("mem_mb", "runtime") and not isinstance(value, str) and not value > 0:
                yield name, f"{given!r} is {value!r} at attempt {attempt}", "it must be above 0"
                break


_OF_KINDS = {
    "images_per_process": ("function",),
    "load": ("function",),
    "batch": ("function",),
    "load_slots": ("function", "onnx"),
    "load_timeout": ("function", "onnx"),
    "cpu_fallback": ("function", "onnx"),
    "writeimg": ("plantcv",),
    "axes": ("function", "notebook", "pixel_classification", "onnx", "ilastik"),
    "network": ("onnx",),
    "args": ("script",),
    "measurements": ("script", "shell"),
    "training": ("pixel_classification",),
    "program": ("ilastik",),
    "needs": ("function", "plantcv", "script", "shell", "notebook", "stitch"),
    "python": ("function", "plantcv", "script", "notebook"),
    "per": ("function", "script", "shell", "notebook", "stitch"),
    "needs_all": ("function", "script", "shell", "notebook"),
}
"""The keys of a step that some kinds alone know."""


def _cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The steps of a circle in ``needs``, the first one again at the end; empty if there is none."""
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done or name not in needs:
            return []
        for need in needs[name]:
            found = walk(need, [*trail, name])
            if found:
                return found
        done.add(name)
        return []

    for name in needs:
        found = walk(name, [])
        if found:
            return found
    return []


def explain(detail: Any, places: Places, default: str, top: Any = Config) -> Problem:
    """A validation error of pydantic, of the model ``top``, in words that a user understands."""
    keys: Keys = tuple(detail["loc"])
    kind, given = detail["type"], detail["input"]
    keys = tuple(key for key in keys if not (isinstance(key, str) and _UNION_BRANCH.search(key)))
    dotted = _dotted(keys)
    where = _place(places, keys, default)
    if kind == "extra_forbidden":
        known = _known_keys(keys, top)
        group = {("steps", 3): "kinds", ("images", 2): "sources"}.get((str(keys[0]), len(keys)), "")
        return Problem(f"unknown key {dotted}", where, plugins.unknown_hint(group, str(keys[-1]), known))
    if kind == "missing":
        return Problem(f"the key {dotted} is missing", _place(places, keys[:-1], default))
    if kind == "string_pattern_mismatch" and keys[-1] == "function":
        what = f"{dotted}: {given!r} is not of the form FILE.py:FUNCTION"
        return Problem(what, where, "e.g. scripts/plants.py:measure")
    if kind == "string_pattern_mismatch" and keys[-1] in KINDS:
        suffix = {"notebook": "ipynb", "ilastik": "ilp", "onnx": "onnx"}.get(str(keys[-1]), "py")
        return Problem(f"{dotted}: {given!r} is not a file *.{suffix}", where)
    if kind == "string_pattern_mismatch":
        what = f"{dotted}: {given!r} has characters that are not allowed"
        return Problem(what, where, "letters, digits and _, not a digit first")
    if kind == "dict_type" and keys[-1] == "load" and isinstance(given, str):
        hint = f"give it one, by which the function gets it: {{model: {given}}}"
        return Problem(f"{dotted}: {given!r} has no name", where, hint)
    message = detail["msg"].removeprefix("Value error, ")
    shown = "" if kind in ("value_error", "too_short") else f", not {given!r}"
    return Problem(f"{dotted}: {message[:1].lower()}{message[1:]}{shown}", where)


_UNION_BRANCH = re.compile(
    r"^(str|int|float|bool|none|date|datetime|constrained-\w+|list\[.*|.*\[.*\]|\[key\])$"
)


def _known_keys(keys: Keys, top: Any) -> list[str]:
    """The keys that the schema has where ``keys`` ends."""
    model: type[BaseModel] | None = top
    inside = iter(keys[:-1])
    for key in inside:
        if isinstance(key, int) or model is None:
            continue
        annotation = model.model_fields[key].annotation if key in model.model_fields else None
        if get_origin(annotation) is dict:
            next(inside, None)  # a name of the user's own, such as a step's
        model = next(_models(annotation), None)
    return list(model.model_fields) if model else []


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _place(places: Places, keys: Keys, default: str) -> str:
    """``file:line`` of a key, or of the nearest key around it."""
    for length in range(len(keys), 0, -1):
        plain = tuple(key if isinstance(key, int) else str(key) for key in keys[:length])
        if plain in places:
            return places[plain]
    return default


def _line(problem: Problem) -> int:
    _, _, line = problem.where.rpartition(":")
    return int(line) if line.isdigit() else 0


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) for key in keys)
