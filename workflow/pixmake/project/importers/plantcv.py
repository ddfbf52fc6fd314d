"""PlantCV's parallel configuration (versions 4 and 5) as a ``config.yaml``.

What has no counterpart becomes a comment; nothing is dropped without one.
"""

from __future__ import annotations

import datetime
import json
import keyword
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.filename_terms import has_format
from pixmake.base.values import TIMESTAMP, parse_time
from pixmake.config.images import FORMATS, Directory, Images
from pixmake.config.models import ARGUMENTS
from pixmake.config.text import as_yaml
from pixmake.project.importers.dask import LOCAL, put_cluster
from pixmake.project.importers.draft import Draft, settle
from pixmake.project.proposal import source_of
from pixmake.results.export.plantcv import LABELS
from pixmake.table.sources.directory import read_names
from pixmake.table.sources.folders import listed_files
from pixmake.table.table import PATH

ALL_FORMATS = "all"
AUTOMATIC_NAMES = "auto"
_LABEL = "camera_label"
"""PlantCV's name for the tile of a snapshot: its file without suffix."""

Scalar = str | int | float | bool | None


class PlantCVConfig(BaseModel):
    """The keys of PlantCV's ``WorkflowConfig`` with PlantCV's defaults; others are kept as extras."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=False)

    input_dir: str = ""
    json_: str = Field(default="", alias="json")
    """The file of results, in version 4."""
    results: str = ""
    """The file of results, in version 5."""
    filename_metadata: list[str] = []
    workflow: str = ""
    img_outdir: str | None = "./output_images"
    include_all_subdirs: bool = True
    tmp_dir: str | None = "."
    start_date: str | None = None
    end_date: str | None = None
    imgformat: str | list[str] = ALL_FORMATS
    delimiter: str = "_"
    metadata_filters: dict[str, Scalar | list[Scalar]] = {}
    metadata_regex: dict[str, str] = {}
    timestampformat: str = "%Y-%m-%dT%H:%M:%S.%fZ"
    writeimg: bool = False
    other_args: dict[str, Any] = {}
    groupby: list[str] | str = ["filepath"]
    group_name: str = AUTOMATIC_NAMES
    cleanup: bool = True
    append: bool = False
    checkpoint: bool = True
    verbose: bool = True
    cluster: str = LOCAL
    cluster_config: dict[str, Any] = {}
    metadata_terms: dict[str, Any] = {}


def import_plantcv(path: str | Path) -> str:
    """The text of a ``config.yaml`` that runs what a PlantCV configuration runs.

    Parameters
    ----------
    path
        What `WorkflowConfig.save_config` of PlantCV wrote. Its folders and files are looked for from the
        working directory, as PlantCV does.

    Raises
    ------
    PixmakeError
        It cannot be read, or says something that PlantCV would not run either.
    """
    given = _read(path)
    draft = Draft()
    kind = _source(given, draft)
    _selection(given, kind, draft)
    _grouping(given, kind, draft)
    _step(given, draft)
    _outcome(given, draft)
    settle(draft, str(path))
    head = [f"Made by `pixmake import plantcv {path}`. Check it with: pixmake check"]
    if draft.notes:
        head += ["", "Not carried over:", *draft.notes]
    return as_yaml(draft.content, {**draft.comments, (): head})


def _read(path: str | Path) -> PlantCVConfig:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise PixmakeError([Problem("there is no such file", str(path))]) from None
    except OSError as error:
        raise PixmakeError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
    except (ValueError, RecursionError) as error:
        raise PixmakeError([Problem(f"cannot be read as JSON: {error}", str(path))]) from None
    if not isinstance(content, dict):
        hint = "it should be what WorkflowConfig.save_config of PlantCV writes"
        raise PixmakeError([Problem("is no configuration of PlantCV", str(path), hint)])
    content = {key: value for key, value in content.items() if key != "_metadata_terms"}
    try:
        given = PlantCVConfig.model_validate(content)
    except ValidationError as error:
        raise PixmakeError(_explained(error, str(path))) from None
    problems = list(_unusable(given, str(path)))
    if problems:
        raise PixmakeError(problems)
    return given


def _explained(error: ValidationError, path: str) -> Iterator[Problem]:
    """What has a type that PlantCV would not take, once for each key."""
    told = set()
    for detail in error.errors():
        key = str(detail["loc"][0])
        if key not in told:
            told.add(key)
            message = detail["msg"][:1].lower() + detail["msg"][1:]
            yield Problem(f"{key}: {message}, not {detail['input']!r}", path)


def _unusable(given: PlantCVConfig, path: str) -> Iterator[Problem]:
    """What PlantCV itself would stop at."""
    if not given.input_dir:
        yield Problem("input_dir is empty", path, "it is the folder of the images")
    if not given.workflow.endswith(".py"):
        what = f"{given.workflow!r} is no Python file" if given.workflow else "is empty"
        yield Problem(f"workflow {what}", path, "it is the script that PlantCV runs for each image")
    for key in ("start_date", "end_date"):
        date = getattr(given, key)
        if date is not None and _time(date, given.timestampformat) is None:
            yield Problem(
                f"{key}: {date!r} is not written as timestampformat says", path, given.timestampformat
            )


def _source(given: PlantCVConfig, draft: Draft) -> str:
    """Put the source of the images; returns its key, which PlantCV tells by the files in ``input_dir``."""
    folder, kind = given.input_dir, source_of(given.input_dir)
    settings: dict[str, Any] = {} if kind == "phenodata" else _naming(given, draft, kind)
    formats = [given.imgformat] if isinstance(given.imgformat, str) else given.imgformat
    if kind != "phenodata" and formats != [ALL_FORMATS]:
        settings["formats"] = formats
    if kind == "directory" and not given.include_all_subdirs:
        settings["recursive"] = False
    draft.put(("images", kind), {"path": folder} if settings else folder)
    origins = {"formats": "imgformat", "recursive": "include_all_subdirs"}
    for key, value in settings.items():
        draft.put(("images", kind, key), value, origins.get(key, "filename_metadata"))
    if not os.path.isdir(folder):
        draft.notes.append(
            f"- input_dir: there is no folder {folder} here; run from PlantCV's working directory"
        )
    return kind


def _naming(given: PlantCVConfig, draft: Draft, kind: str) -> dict[str, Any]:
    """How the names of the files are read."""
    terms = given.filename_metadata
    if not terms:
        if kind == "directory" and (used := _numbered(given)) and len(given.delimiter) == 1:
            return {"pattern": _parts(max(used) + 1, given.delimiter)}
        if kind == "directory":
            what = "PlantCV calls the parts of the names metadata_0, metadata_1, …; here they are not split. "
            draft.note(
                "filename_metadata", terms, f"{what}`pixmake inspect {given.input_dir}` proposes names"
            )
        return {}
    if kind == "lemnatec":
        lost = [term for term in terms if term in _INFO_COLUMNS]
        if lost:
            draft.note(
                "filename_metadata", lost, "are columns of SnapshotInfo.csv: what the names say is not used"
            )
        terms = ["_" if term in (*_INFO_COLUMNS, *_SNAPSHOT_INFO) else term for term in terms]
    naming: dict[str, Any] = {"filename_metadata": terms}
    if len(given.delimiter) == 1:
        naming |= {} if given.delimiter == "_" else {"delimiter": given.delimiter}
    else:
        # the groups count in PlantCV, whatever they are called
        naming["pattern"] = re.sub(r"(?<!\\)\(\?P<\w+>", "(", given.delimiter)
    if given.metadata_filters and not all(_is_of_path(term) for term in given.metadata_filters):
        # PlantCV keeps such a file with empty terms, which no filter lets through
        naming["unmatched"] = "skip"
    try:
        images = Images.model_validate({kind: {"path": given.input_dir, **naming}})
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        draft.note(
            "filename_metadata",
            given.filename_metadata,
            f"with delimiter {json.dumps(given.delimiter)}: {why}",
        )
        return {}
    if "unmatched" not in naming and images.directory is not None and _has_misfits(images.directory, given):
        naming["unmatched"] = "skip" if _asks_names(given) else "keep"
    return naming


def _numbered(given: PlantCVConfig) -> set[int]:
    """Which parts of names, by their numbers, are asked for where none has a name of its own."""
    columns = [given.groupby] if isinstance(given.groupby, str) else given.groupby
    asked = (*given.metadata_filters, *given.metadata_regex, *columns, given.group_name)
    return {int(found[1]) for term in asked if (found := re.fullmatch(r"metadata_(\d{1,3})", term))}


def _parts(count: int, delimiter: str) -> str:
    """A regular expression of names of any number of parts; those that a name lacks are empty."""
    one = f"[^{re.escape(delimiter)}]*"
    inner = ""
    for number in reversed(range(1, count)):
        inner = f"(?:{re.escape(delimiter)}(?P<metadata_{number}>{one}){inner})?"
    return f"^(?P<metadata_0>{one}){inner}"


def _asks_names(given: PlantCVConfig) -> bool:
    """Whether a file without terms would be in no group, or be left out."""
    columns = [given.groupby] if isinstance(given.groupby, str) else given.groupby
    return "filepath" not in columns or not all(_is_of_path(term) for term in given.metadata_regex)


def _has_misfits(asked: Directory, given: PlantCVConfig) -> bool:
    """Whether there are files now whose names do not fit: PlantCV keeps those, with empty terms."""
    if not os.path.isdir(asked.path):
        return False
    formats = [given.imgformat] if isinstance(given.imgformat, str) else given.imgformat
    formats = list(FORMATS) if formats == [ALL_FORMATS] else formats
    found = [
        path for path in listed_files(asked.path, given.include_all_subdirs, []) if has_format(path, formats)
    ]
    return bool(read_names(found, asked, asked.path)[2])


def _selection(given: PlantCVConfig, kind: str, draft: Draft) -> None:
    if given.timestampformat != PlantCVConfig.model_fields["timestampformat"].default and (
        TIMESTAMP in given.filename_metadata or kind != "directory"
    ):
        draft.put(("images", "timestamp_format"), given.timestampformat, "timestampformat")
    select = ("images", "select")
    of_path = _of_path(given, kind)
    if of_path:
        expressions = list(of_path.values())
        together = "".join(f"(?={each})" for each in expressions) if len(expressions) > 1 else expressions[0]
        draft.put((*select, "match", PATH), together, ", ".join(of_path))
    for term, wanted in given.metadata_filters.items():
        if f"metadata_filters.{term}" in of_path:
            continue
        values = [
            _filter_value(term, value, kind) for value in (wanted if isinstance(wanted, list) else [wanted])
        ]
        value = values[0] if len(values) == 1 else values
        draft.put((*select, "where", _column(term, kind)), value, f"metadata_filters.{term}")
    for term, expression in given.metadata_regex.items():
        if f"metadata_regex.{term}" in of_path:
            continue
        draft.put((*select, "match", _column(term, kind)), expression, f"metadata_regex.{term}")
    for ours, theirs in (("start", "start_date"), ("end", "end_date")):
        date = getattr(given, theirs)
        if date is not None:
            draft.put((*select, ours), _time(date, given.timestampformat), theirs)
    told = {f"metadata_{how}.{term}" for how, terms in _asked(given) for term in terms if _is_of_path(term)}
    strange = sorted({name.partition(".")[2] for name in told - of_path.keys()})
    if strange and kind != "phenodata":
        what = "PlantCV takes them from the path; here, a `template` or a `pattern` with a / reads folders"
        draft.note("metadata_filters, metadata_regex", strange, what)


def _asked(given: PlantCVConfig) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "filters", given.metadata_filters
    yield "regex", given.metadata_regex


def _is_of_path(term: str) -> bool:
    """Whether PlantCV takes a term from the path of an image, not from its name or a table."""
    return term == _LABEL or _place(term) is not None


def _of_path(given: PlantCVConfig, kind: str) -> dict[str, str]:
    """What is asked of parts of paths, as a regular expression of the whole path for each key."""
    found: dict[str, str | None] = {}
    for term, wanted in given.metadata_filters.items():
        place = _place(term)
        if term == _LABEL and kind == "lemnatec":
            found[f"metadata_filters.{term}"] = _at_place(-1, wanted, suffix=r"\.[^./]*")
        elif place is not None:
            found[f"metadata_filters.{term}"] = _at_place(place, wanted)
    for term, expression in given.metadata_regex.items():
        place = _place(term)
        if place is not None and "filepath" not in given.metadata_regex:
            found[f"metadata_regex.{term}"] = _in_place(place, expression)
    return {key: each for key, each in found.items() if each is not None}


def _in_place(place: int, expression: str) -> str | None:
    """A regular expression of paths with one at a place; none if it cannot be told from what is around it."""
    begins, ends = expression.startswith("^"), re.search(r"(?<!\\)\$$", expression) is not None
    inner = expression[1 if begins else 0 : -1 if ends else None]
    plain = re.sub(r"\\.|\[\^", "", inner)
    # an anchor inside, or one that holds for the first or last of several alternatives alone
    if re.search(r"[\^$/]", plain) or ("|" in plain and (begins or ends)):
        return None
    middle = ("" if begins else "[^/]*?") + f"(?:{inner})"
    if place < 0:
        return f"^(.*/)?(?=[^/]*$){middle}" + ("$" if ends else "")
    if "." in plain or re.search(r"\\[DSW]|\[\^", inner):  # might go on into the next folder
        return None
    return f"^{'[^/]+/' * place}{middle}" + ("(/|$)" if ends else "")


def _place(term: str) -> int | None:
    """Which part of an image's path PlantCV calls so, from 0; -1 is its name."""
    if term == "basename":
        return -1
    found = re.fullmatch(r"(dir|filepath)(\d+)", term)
    # version 4 leaves the first folder out
    return None if found is None else int(found[2]) - (found[1] == "dir")


def _at_place(place: int, wanted: Scalar | list[Scalar], suffix: str = "") -> str:
    """A regular expression of paths with one of these texts, and what may follow it, at a place."""
    values = "|".join(re.escape(str(value)) for value in (wanted if isinstance(wanted, list) else [wanted]))
    one = f"({values})" if "|" in values else values
    return f"^(.*/)?{one}{suffix}$" if place < 0 else f"^{'[^/]+/' * place}{one}(/|$)"


def _grouping(given: PlantCVConfig, kind: str, draft: Draft) -> None:
    columns = [given.groupby] if isinstance(given.groupby, str) else given.groupby
    if "filepath" in columns or not columns:  # each image by itself
        if given.group_name != AUTOMATIC_NAMES:
            what = "names the images of a group, but groupby makes no groups; `image1` is what it is called"
            draft.note("group_name", given.group_name, what)
        return
    draft.put(("images", "group_by"), [_column(column, kind) for column in columns], "groupby")
    if given.group_name != AUTOMATIC_NAMES:
        draft.put(("images", "name_by"), _column(given.group_name, kind), "group_name")


def _step(given: PlantCVConfig, draft: Draft) -> None:
    stem = os.path.splitext(os.path.basename(given.workflow))[0]
    name = re.sub(r"[^A-Za-z0-9_]+", "_", stem).strip("_") or "plantcv"
    name = f"step_{name}" if name[0].isdigit() else name
    at = ("steps", name)
    draft.put((*at, "plantcv"), given.workflow)
    for key, value in given.other_args.items():
        if key in ARGUMENTS or keyword.iskeyword(key):
            draft.note(f"other_args.{key}", value, "has a meaning of its own here: call it something else")
            continue
        draft.put((*at, "params", key), value, f"other_args.{key}")
    if given.writeimg:
        draft.put((*at, "writeimg"), True, "writeimg")
    draft.comments[at] = [
        "if PlantCV has an environment of its own, name its Python: `python: envs/plantcv/bin/python`"
    ]
    put_cluster(given.cluster, given.cluster_config, draft, at)


def _outcome(given: PlantCVConfig, draft: Draft) -> None:
    """Where results go, and how a run goes about them."""
    file = given.json_ or given.results
    results = os.path.normpath(os.path.splitext(file)[0]) if file else "results"
    if file and not os.path.isfile(results):
        draft.put(("results",), results, "json" if given.json_ else "results")
    elif file:
        draft.note("results", file, f"{results} is a file; the results go into the folder `results`")
    results = draft.content.get("results", "results")
    draft.put(("aggregate", "plantcv"), True, "json" if given.json_ else "results")
    # version 5 names it without its suffix
    earlier = next((each for each in (file, f"{file}.json") if os.path.isfile(each)), None)
    if given.append and earlier is not None:
        draft.put(("aggregate", "plantcv_append"), earlier, "append")
    elif given.append:
        what = f"there is no {file} yet to add to; once there is one, name it in aggregate: plantcv_append"
        draft.note("append", True, what)
    if given.include_all_subdirs and _is_inside(results, given.input_dir):
        what = f"holds the folder of results, {results}, whose pictures would be taken for images: move one"
        draft.note("input_dir", given.input_dir, what)
    if given.img_outdir not in (None, "", "./output_images"):
        draft.note(
            "img_outdir", given.img_outdir, f"files that the step names go into {results}, beside the records"
        )
    if given.tmp_dir not in (None, "", "."):
        draft.note("tmp_dir", given.tmp_dir, "not needed: nothing is merged from temporary files")
    if not given.cleanup:
        draft.note("cleanup", False, f"no temporary files are made; every image's record stays in {results}")
    if not given.checkpoint:
        draft.note(
            "checkpoint", False, "a run takes up where the last one ended; `--forceall` runs all again"
        )
    if not given.verbose:
        draft.note("verbose", False, "Snakemake's `quiet` in profiles/default/config.yaml says what is shown")
    changed = sorted(term for term, about in given.metadata_terms.items() if _is_special(term, about))
    if changed:
        draft.note("metadata_terms", changed, "labels, datatypes and default values of terms are not kept")
    for key, value in (given.model_extra or {}).items():
        draft.note(key, value, "is not a key of PlantCV that pixmake knows")


def _column(term: str, kind: str) -> str:
    if term == "filepath":
        return PATH
    return _SNAPSHOT_INFO.get(term, term) if kind == "lemnatec" else term


def _filter_value(term: str, value: Scalar, kind: str) -> str:
    """PlantCV compares texts, as `where` does with those."""
    text = str(value)
    if kind == "lemnatec" and term == "snapshot":
        text = text.removeprefix("snapshot")
    return text


def _time(text: str, written: str) -> datetime.datetime | None:
    try:
        return parse_time(text, written)
    except (ValueError, OverflowError):
        return None


def _is_inside(path: str, folder: str) -> bool:
    outer, inner = os.path.abspath(folder), os.path.abspath(path)
    return os.path.commonpath([outer, inner]) == outer


def _is_special(term: str, about: Any) -> bool:
    """Whether somebody has changed what PlantCV says of a term by itself."""
    if not isinstance(about, Mapping):
        return True
    usual = "<class 'datetime.datetime'>" if term == TIMESTAMP else "<class 'str'>"
    return (
        about.get("label") not in (None, term, LABELS.get(term))
        or about.get("datatype") not in (None, usual)
        or about.get("value") not in (None, "none")
    )


_SNAPSHOT_INFO = {
    "barcode": "plantbarcode",
    "cartag": "cartag",
    "timestamp": TIMESTAMP,
    "snapshot": "snapshot",
}
"""What PlantCV takes from ``SnapshotInfo.csv``, whatever the names say, and what it is called here."""

_INFO_COLUMNS = ("experiment", "plantbarcode", "measurementlabel", "tag", "completed")
"""What else stands there; PlantCV takes such a term from the names."""
