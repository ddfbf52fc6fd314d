"""config.yaml as typed models: the one source of its checks, its JSON Schema and its documentation."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pixmake.errors import PixmakeError, Problem, nearest
from pixmake.imageset import Images, image_inconsistencies
from pixmake.model import Model, Name

ARGUMENTS = ("image", "images", "path", "paths", "meta")
"""What every analysis can ask for by name; a param or a file cannot be called so."""

Suffix = Annotated[str, Field(pattern=r"^\.?[A-Za-z0-9]+(\.[A-Za-z0-9]+)*$")]


class Resources(Model):
    """What a job needs; any resource that Snakemake or a cluster profile knows may stand here."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    mem_mb: Annotated[int, Field(gt=0)] | None = None
    """Memory in MB: asked of the cluster, and the limit of one image's process."""

    runtime: Annotated[int, Field(gt=0)] | str | None = None
    """Minutes, or a text such as `2h`: asked of the cluster."""

    def given(self) -> dict[str, Any]:
        """The resources that were set, by name."""
        return self.model_dump(exclude_none=True)


class Step(Model):
    """One thing that is done to each image."""

    function: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_][A-Za-z0-9_]*$")]
    """`FILE.py:NAME`, the function of an image that does it."""

    needs: list[str] = []
    """Steps whose files or results this one uses; without it the step depends on the image alone."""

    params: dict[Name, Any] = {}
    """Arguments of the function, by name; a changed value runs the step again."""

    files: dict[Name, Suffix] = {}
    """Files that the step writes, by name, with their suffix: `mask: png`."""

    threads: Annotated[int, Field(gt=0)] = 1
    """Cores of one image's job; OpenCV and BLAS are held to it."""

    resources: Resources = Resources()
    """Memory, run time and other resources of one image's job."""

    retries: Annotated[int, Field(ge=0)] = 0
    """How often a failed image is tried again within one run."""

    timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds after which one image's process is ended, with its children."""

    python: str | None = None
    """The Python interpreter that runs the step; default: the one that runs Snakemake."""

    on_error: Literal["continue", "stop"] | None = None
    """As the key of this name at the top level, for this step."""

    @property
    def file(self) -> str:
        """The Python file of the step's function."""
        return self.function.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The name of the step's function."""
        return self.function.rpartition(":")[2]


class Config(Model):
    """A pixmake project: which images, which steps, and where the results go."""

    images: Images
    """Where the images and their metadata come from."""

    steps: Annotated[dict[Name, Step], Field(min_length=1)]
    """What is done to each image: a name and a step each."""

    results: str = "results"
    """The folder of all results."""

    on_error: Literal["continue", "stop"] = "continue"
    """`continue`: a failed image is recorded and the rest goes on; `stop`: the run ends at the first."""

    max_failures: Annotated[int, Field(ge=0)] = 0
    """If more images than these fail, the run ends with an error once its tables are written."""

    def keeps_going(self, step: Step) -> bool:
        """Whether a failed image of this step leaves a record and lets the run go on."""
        return (step.on_error or self.on_error) == "continue"


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
    places: dict[Keys, str] = {}
    problems: list[Problem] = []
    for file in files:
        found, repeated = key_lines(file)
        places.update(found)
        problems += repeated
    default = str(files[0]) if files else "config"
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        problems += [_explain(detail, places, default) for detail in error.errors()]
        raise PixmakeError(sorted(problems, key=_line)) from None
    problems += [
        Problem(what, _place(places, keys, default), hint) for keys, what, hint in _inconsistencies(config)
    ]
    if problems:
        raise PixmakeError(problems)
    return config


def parse_images(content: Mapping[str, Any]) -> Images | None:
    """The `images` part alone, if that is in order: its table can be checked, whatever else is wrong."""
    try:
        return Images.model_validate(content.get("images"))
    except ValidationError:
        return None


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
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        hint = "run from the project's folder, or make a project with: pixmake init DIR"
        raise PixmakeError([Problem("there is no such file", str(path), hint)]) from None
    except (yaml.YAMLError, ValueError, OSError) as error:  # ValueError: a date such as 2024-13-01
        raise PixmakeError([Problem(f"cannot be read as YAML: {error}", str(path))]) from None
    if not isinstance(content, dict):
        raise PixmakeError([Problem("holds no keys", str(path), "it needs `images` and `steps`")])
    return content


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
    cycle = _cycle({name: step.needs for name, step in config.steps.items()})
    if cycle:
        yield ("steps", cycle[0], "needs"), f"steps need each other: {' → '.join(cycle)}", ""
    lower: dict[str, str] = {}
    for name in config.steps:
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
        for need in step.needs:
            if need not in config.steps:
                yield (*at, "needs"), f"there is no step {need!r}", nearest(need, config.steps)
                continue
            for file in config.steps[need].files:
                if file in files:
                    what = f"both {files[file]} and {need} have a file {file!r}"
                    yield (*at, "needs"), what, "rename one of them"
                files[file] = need
        if len(set(step.needs)) < len(step.needs):
            yield (*at, "needs"), "a step stands twice", ""
        for kind, words in (("param", step.params), ("file", step.files)):
            for word in words:
                if word in ARGUMENTS or keyword.iskeyword(word):
                    key = (*at, "params" if kind == "param" else "files", word)
                    yield key, f"{word!r} has a meaning of its own", f"rename the {kind}"
        for word in sorted(set(step.params) & set(files)):
            yield (*at, "params", word), f"{files[word]} has a file of the same name", "rename one"


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


def _explain(detail: Any, places: Places, default: str) -> Problem:
    """A validation error of pydantic in words that a user understands."""
    keys: Keys = tuple(detail["loc"])
    kind, given = detail["type"], detail["input"]
    keys = tuple(key for key in keys if not (isinstance(key, str) and _UNION_BRANCH.search(key)))
    dotted = _dotted(keys)
    where = _place(places, keys, default)
    if kind == "extra_forbidden":
        return Problem(f"unknown key {dotted}", where, nearest(str(keys[-1]), _known_keys(keys)))
    if kind == "missing":
        return Problem(f"the key {dotted} is missing", _place(places, keys[:-1], default))
    if kind == "string_pattern_mismatch" and keys[-1] == "function":
        what = f"{dotted}: {given!r} is not of the form FILE.py:FUNCTION"
        return Problem(what, where, "e.g. scripts/plants.py:measure")
    if kind == "string_pattern_mismatch":
        what = f"{dotted}: {given!r} has characters that are not allowed"
        return Problem(what, where, "letters, digits and _, not a digit first")
    message = detail["msg"].removeprefix("Value error, ")
    shown = "" if kind in ("value_error", "too_short") else f", not {given!r}"
    return Problem(f"{dotted}: {message[:1].lower()}{message[1:]}{shown}", where)


_UNION_BRANCH = re.compile(r"^(str|int|float|bool|none|date|datetime|list\[.*|.*\[.*\]|\[key\])$")


def _known_keys(keys: Keys) -> list[str]:
    """The keys that the schema has where ``keys`` ends."""
    model: type[BaseModel] | None = Config
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
