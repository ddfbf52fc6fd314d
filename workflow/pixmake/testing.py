"""What sources, formats, kinds of step, exports and views promise, for the tests of those who write one.

Each promise is a function that takes a case, an example of one's own, and raises an `AssertionError` that
says what is not kept. pixmake's own tests run the same functions over all that comes with it::

    import pytest
    from pixmake import testing

    @pytest.mark.parametrize("promise", testing.FORMAT, ids=testing.name)
    def test_thermogram(promise, tmp_path):
        pixels = write_thermogram(tmp_path / "a.thm")
        promise(testing.FormatCase(thermogram, tmp_path / "a.thm", pixels, "yx"))
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base import plugins
from pixmake.base.errors import PixmakeError
from pixmake.base.installed import HERE

if TYPE_CHECKING:
    import numpy.typing as npt

    from pixmake.config.images import Images
    from pixmake.images.formats.shape import FileFormat
    from pixmake.plan.plan import Plan
    from pixmake.results.report.content import Content
    from pixmake.results.report.views import View
    from pixmake.table.table import Table


def name(promise: Callable[..., None]) -> str:
    """What pytest is to call a promise."""
    return promise.__name__


# --- sources


@dataclass(frozen=True)
class SourceCase:
    """A source, and something that it reads; paths start from the working directory."""

    key: str
    """The key of the source, such as ``flight_log``. Its package is installed."""
    keys: Mapping[str, Any]
    """What stands below it."""
    rows: int
    """How many rows that gives."""
    missing: Mapping[str, Any]
    """The same of something that is not there."""
    named: str
    """What an error about that has to name, such as its path."""


def gives_a_table(case: SourceCase) -> None:
    """Rows with a path and a label each, whose cells are Python's own values."""
    table = _table(case)
    assert len(table) == case.rows, f"{len(table)} rows, not {case.rows}"
    assert all(isinstance(path, str) for path in table.cells["path"]), "each row has a path, a text"
    labels = [str(label) for label in table.labels]
    assert len(set(labels)) == len(labels), "a label names one row: messages say where something is by it"
    plain = (type(None), bool, int, float, str, date, datetime)
    for column, cells in table.cells.items():
        strange = {type(cell).__name__ for cell in cells if type(cell) not in plain}
        assert not strange, f"cells of {column} are {strange}: `make_table` types them"


def reads_the_same_twice(case: SourceCase) -> None:
    """The same rows in the same order: ids and results hang on them."""
    one, other = _table(case), _table(case)
    assert one.columns == other.columns, f"{one.columns}, then {other.columns}"
    assert all(one.cells[column].tolist() == other.cells[column].tolist() for column in one.columns)
    assert list(one.labels) == list(other.labels)


def tells_what_is_missing(case: SourceCase) -> None:
    """What is not there is an error that names it, and no traceback."""
    from pixmake.table.sources import read_source

    images = _images(case.key, case.missing)
    try:
        read_source(images)
    except PixmakeError as error:
        assert case.named in str(error), f"it does not name {case.named}: {error}"
        assert not isinstance(error, plugins.PluginError), f"the package itself failed: {error}"
    else:
        raise AssertionError(f"nothing was wrong with {dict(case.missing)}")


def tells_an_unknown_key(case: SourceCase) -> None:
    """A misspelt key is an error that names it."""
    try:
        _images(case.key, {**case.keys, "no_such_key": 1})
    except ValueError as error:
        assert "no_such_key" in str(error), f"it does not name the key: {error}"
    else:
        raise AssertionError("a key that it does not know was taken")


def changes_nothing(case: SourceCase) -> None:
    """To read a table writes no file."""
    before = _files()
    _table(case)
    assert _files() == before, f"files that have changed: {_files() ^ before}"


SOURCE = (
    gives_a_table,
    reads_the_same_twice,
    tells_what_is_missing,
    tells_an_unknown_key,
    changes_nothing,
)
"""The promises of a source; each takes a `SourceCase`."""


def _images(key: str, keys: Mapping[str, Any]) -> Images:
    from pixmake.config.images import Images

    return Images.model_validate({key: dict(keys)})


def _table(case: SourceCase) -> Table:
    from pixmake.table.sources import read_source

    return read_source(_images(case.key, case.keys))


def _files() -> set[tuple[str, int, int]]:
    found = set()
    for folder, _, names in os.walk("."):
        for path in (os.path.join(folder, file) for file in names):
            status = os.stat(path)
            found.add((path, status.st_size, status.st_mtime_ns))
    return found


# --- formats


@dataclass(frozen=True)
class FormatCase:
    """A format, and a file of it that holds one image."""

    format: FileFormat
    """The module that reads it."""
    path: str | Path
    pixels: npt.NDArray[Any]
    """What is in the file, in these axes."""
    axes: str
    tells_when_cut: bool = True
    """Whether half of such a file can be told from a whole one."""


def has_its_names(case: FormatCase) -> None:
    """All that `pixmake.images.formats.shape.FileFormat` lists; suffixes in lower case without a dot."""
    from pixmake.images.formats.shape import NEEDED

    lacking = [each for each in NEEDED if not hasattr(case.format, each)]
    assert not lacking, f"lacks {', '.join(lacking)}"
    for suffix in case.format.SUFFIXES:
        assert suffix == suffix.lower().strip("."), (
            f"the suffix {suffix!r} is not in lower case, without a dot"
        )


def asks_for_no_library_at_import(case: FormatCase) -> None:
    """The module is imported in every Python that a step names: its library only where a file is read."""
    imports_alone(str(case.format.__name__))  # type: ignore[attr-defined]


def recognises_its_files_alone(case: FormatCase) -> None:
    """By their first bytes; nothing else, and no file at all, is taken for one."""
    from pixmake.images.formats import first_bytes
    from pixmake.images.formats.shape import HEAD

    path = str(case.path)
    assert case.format.recognises(first_bytes(path), path), f"{path} is not recognised"
    for head in (*_OTHERS, b"\0" * HEAD, b"\xff" * HEAD, b"x"):
        assert not case.format.recognises(head, "picture.png"), f"takes a file for its own with {head[:12]!r}"


def reads_what_is_there(case: FormatCase) -> None:
    """Its pixels, in the axes and of the type that it says; the axes as they are asked for."""
    import numpy as np

    from pixmake.images.read import describe, read_image

    found = read_image(case.path, None, case.axes)
    np.testing.assert_array_equal(found, case.pixels)
    said = describe(case.path)
    assert said.dtype == str(case.pixels.dtype), f"says {said.dtype}, and gives {case.pixels.dtype}"
    sizes = sorted(size for size in said.shape if size > 1)
    assert sizes == sorted(size for size in case.pixels.shape if size > 1), f"says {said}"


def reads_a_region(case: FormatCase) -> None:
    """The same pixels as of the whole image."""
    import numpy as np

    from pixmake.images.read import read_image

    y, x = (case.axes.index(axis) for axis in "yx")
    height, width = case.pixels.shape[y], case.pixels.shape[x]
    region = {"y": height // 3, "x": width // 4, "height": max(1, height // 2), "width": max(1, width // 2)}
    index: list[Any] = [slice(None)] * case.pixels.ndim
    index[y] = slice(region["y"], region["y"] + region["height"])
    index[x] = slice(region["x"], region["x"] + region["width"])
    np.testing.assert_array_equal(read_image(case.path, region, case.axes), case.pixels[tuple(index)])


def leaves_no_file_open(case: FormatCase) -> None:
    """A handle would be shared by forks, and met by threads."""
    from pixmake.images.read import describe, read_image

    describe(case.path)
    read_image(case.path, None, case.axes)
    if os.path.isdir("/proc/self/fd"):
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        opened = [os.path.realpath(link) for link in links if os.path.islink(link)]
        assert os.path.realpath(case.path) not in opened, "the file is still open"


def reads_in_threads_and_forks(case: FormatCase) -> None:
    """Each gets the pixels, whatever others do."""
    from pixmake.images.read import read_image

    def is_right(_: int) -> bool:
        return bool((read_image(case.path, None, case.axes) == case.pixels).all())

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(is_right, range(8))), "threads read other pixels"
    for _ in range(2):
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if is_right(0) else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0, "a fork cannot read it"


def tells_what_is_damaged(case: FormatCase) -> None:
    """Half a file is an error that names it; so is garbage behind the first bytes, if it is noticed."""
    from pixmake.images.axes import ImageError
    from pixmake.images.read import read_image

    content = Path(case.path).read_bytes()
    damaged = Path(case.path).with_name(f"damaged{Path(case.path).suffix}")
    parts = [content[: len(content) // 2]] if case.tells_when_cut else []
    for part in (*parts, content[:16] + b"\xa5" * 2000):
        damaged.write_bytes(part)
        try:
            found = read_image(damaged, None, case.axes)
        except (ImageError, PixmakeError) as error:
            assert damaged.name in str(error), f"it does not name the file: {error}"
        else:
            assert part != content[: len(content) // 2], f"half a file was read as {found.shape}"
        finally:
            damaged.unlink()


FORMAT = (
    has_its_names,
    asks_for_no_library_at_import,
    recognises_its_files_alone,
    reads_what_is_there,
    reads_a_region,
    leaves_no_file_open,
    reads_in_threads_and_forks,
    tells_what_is_damaged,
)
"""The promises of a format; each takes a `FormatCase`. The format is installed, or pixmake's own."""

_OTHERS = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"RIFF\0\0\0\0WEBP", b"P5\n1 1\n255\n\0")


# --- kinds of step


@dataclass(frozen=True)
class KindCase:
    """A kind of step, and a project in the working directory that has one."""

    kind: str
    config: Mapping[str, Any]
    """The project's config."""
    step: str
    """The name of the step in it."""
    good: str
    """The id of an image on which it works well."""
    bad: str = ""
    """The id of an image on which it fails; empty if there can be none."""
    wrong: Sequence[Mapping[str, Any]] = field(default_factory=list)
    """Changes of the step's keys, each of which makes it wrong."""


def has_two_halves(case: KindCase) -> None:
    """One that checks before a run, and one that does the work."""
    from pixmake.job.runners import runner
    from pixmake.plan.kinds import DECODED, NEEDED, OPENED, OTHERWISE, kind_of

    kind = kind_of(case.kind)
    lacking = [each for each in NEEDED if not hasattr(kind, each)]
    assert not lacking, f"lacks {', '.join(lacking)}"
    assert kind.READS in (DECODED, OPENED, OTHERWISE), f"READS is {kind.READS!r}"
    assert callable(runner(case.kind).run), f"{kind.RUNNER} has no function run(call)"


def works_in_any_interpreter(case: KindCase) -> None:
    """What does the work is imported in a step's own Python, where only the standard library may be."""
    from pixmake.plan.kinds import kind_of

    imports_alone(kind_of(case.kind).RUNNER)


def is_checked(case: KindCase) -> None:
    """A right step has no problem; a wrong one is told with its place, and no traceback."""
    _plan(case)
    for change in case.wrong:
        try:
            _plan(case, change)
        except plugins.PluginError as error:
            raise AssertionError(f"with {dict(change)} the kind itself failed: {error}") from None
        except PixmakeError as error:
            places = [problem.where for problem in error.problems]
            assert any(f"steps.{case.step}" in place for place in places), f"it does not say where: {error}"
        else:
            raise AssertionError(f"with {dict(change)} nothing was wrong")


def says_the_same_twice(case: KindCase) -> None:
    """What a job is told is JSON, and the same for the same step: another text would run all images again."""
    from pixmake.job.task import parse_task

    (_, one), (_, other) = _job(_plan(case), case, case.good), _job(_plan(case), case, case.good)
    assert one.task.as_json() == other.task.as_json()
    assert parse_task(one.task.as_json()).as_json() == one.task.as_json()


def leaves_a_record(case: KindCase) -> None:
    """With its measurements as JSON, its files, and nothing half-made beside them."""
    from pixmake.project.try_image import FOLDER

    record = _tried(case, case.good)
    assert record.error is None, f"{record.error}"
    json.dumps(record.measurements, allow_nan=False)
    for file, path in record.files.items():
        assert os.path.exists(path) and os.stat(path).st_size, f"the file {file} is not there: {path}"
    left = [str(path) for path in Path(FOLDER).rglob("*.tmp*")]
    assert not left, f"left behind: {left}"


def fails_alone(case: KindCase) -> None:
    """An image that it cannot do has a record that says why."""
    if case.bad:
        record = _tried(case, case.bad)
        assert record.error is not None, f"{case.bad} did not fail"
        assert record.error.message.strip(), "it does not say why"


KIND = (
    has_two_halves,
    works_in_any_interpreter,
    is_checked,
    says_the_same_twice,
    leaves_a_record,
    fails_alone,
)
"""The promises of a kind of step; each takes a `KindCase`. The kind is installed, or pixmake's own."""


# --- exports


@dataclass(frozen=True)
class ExportCase:
    """An export, and a project in the working directory that has results."""

    word: str
    """What stands behind ``pixmake export``: ``flight-profile`` for the entry point ``flight_profile``."""
    options: Sequence[str] = ()
    """Options that it needs, such as ``--step``, ``measure``."""
    wrong: Sequence[Sequence[str]] = ()
    """Options in place of those, each of which is wrong."""


def is_in_the_help(case: ExportCase) -> None:
    """With one sentence that says what it writes."""
    from pixmake.results.exports import NEEDED, exports

    export = exports()[case.word]
    assert not isinstance(export, plugins.PluginError), str(export)
    lacking = [each for each in NEEDED if not hasattr(export, each)]
    assert not lacking, f"lacks {', '.join(lacking)}"
    assert export.SUMMARY.endswith(".") and "\n" not in export.SUMMARY, "SUMMARY is a sentence in one line"
    code, said = _export("--help")
    assert code == 0 and case.word in said, said
    code, said = _export(case.word, "--help")
    assert code == 0 and " ".join(export.SUMMARY.split()) in " ".join(said.split()), said


def writes_its_file_alone(case: ExportCase) -> None:
    """What it says, with something in it; results and images are as they were."""
    before = _files()
    output = _exported(case, "first")
    found = [path for path in [output, *output.rglob("*")] if path.is_file()]
    assert found and all(path.stat().st_size for path in found), f"nothing is in {output}"
    others = {file for file in _files() ^ before if not file[0].startswith(f"./{output}")}
    assert not others, f"files beside it that have changed: {others}"


def writes_the_same_again(case: ExportCase) -> None:
    """Of the same results the same bytes."""
    one, other = _exported(case, "one"), _exported(case, "other")
    assert _contents(one) == _contents(other), "two exports of the same results are not the same"


def writes_over_nothing(case: ExportCase) -> None:
    """A file that is there stays, unless ``--force`` is given."""
    output = _exported(case, "there")
    before = _contents(output)
    code, said = _export(case.word, *case.options, "--output", str(output))
    assert code == 1 and str(output) in said, f"it wrote over {output}, or does not name it: {said}"
    assert _contents(output) == before, f"{output} has changed"
    code, said = _export(case.word, *case.options, "--output", str(output), "--force")
    assert code == 0, said


def leaves_nothing_half_written(case: ExportCase) -> None:
    """Where there are no results, or an option is wrong, there is an error and no file; no traceback."""
    moved = Path("results").rename("results_moved")
    try:
        tries = [("without results", _export(case.word, *case.options, "--output", "none"))]
    finally:
        moved.rename("results")
    tries += [(" ".join(words), _export(case.word, *words, "--output", "none")) for words in case.wrong]
    for what, (code, said) in tries:
        assert code != 0 and said.strip(), f"{what}: nothing was wrong"
        assert "Traceback" not in said, said
        left = [path for path in (Path("none"), *Path().glob(".none*")) if path.exists()]
        assert not any(_contents(path) for path in left), f"{what}: {left} was left"


EXPORT = (
    is_in_the_help,
    writes_its_file_alone,
    writes_the_same_again,
    writes_over_nothing,
    leaves_nothing_half_written,
)
"""The promises of an export that writes a file or a folder; each takes an `ExportCase`."""


def _exported(case: ExportCase, name: str) -> Path:
    code, said = _export(case.word, *case.options, "--output", name)
    assert code == 0, said
    return Path(name)


def _export(*words: str) -> tuple[int, str]:
    """Exit status and all that is said of ``pixmake export``."""
    from pixmake.cli.command_line import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main(["export", *words])
        except SystemExit as end:
            code = int(end.code or 0)
    return code, said.getvalue()


def _contents(output: Path) -> dict[str, bytes]:
    files = [path for path in [output, *sorted(output.rglob("*"))] if path.is_file()]
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


# --- views of the page


@dataclass(frozen=True)
class ViewCase:
    """A view of the page, and what it is to show."""

    name: str
    """The name of its entry point; its package is installed, or it is pixmake's own."""
    terms: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Of each term the values, one an image."""
    measurements: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The same of what was measured; ``None`` where nothing was."""


def has_a_program(case: ViewCase) -> None:
    """One file, which adds the view by its name, and asks for nothing from a network."""
    view = _view(case)
    program = Path(view.program).read_text(encoding="utf-8")
    calls = re.compile(rf"addView\(\s*(['\"`]){re.escape(case.name)}\1")
    assert calls.search(program), f"the program does not call addView('{case.name}', …)"
    reached = re.findall(r"\b(?:fetch|import|XMLHttpRequest|WebSocket)\s*\(|src=.https?:", program)
    assert not reached, f"the page needs no network, but the program has {reached}"


def gives_the_same_json_twice(case: ViewCase) -> None:
    """What its program gets is JSON without NaN, and the same for the same results."""
    one, other = (_view(case).data(_content(case)) for _ in range(2))
    assert json.dumps(one, allow_nan=False) == json.dumps(other, allow_nan=False)


def copes_with_little(case: ViewCase) -> None:
    """One image, no measurement, an image that failed: something to show, or ``None``, and no exception."""
    empty = ViewCase(case.name)
    terms, measured = ({k: v[:1] for k, v in part.items()} for part in (case.terms, case.measurements))
    single = ViewCase(case.name, terms, measured)
    nothing = replace(case, measurements={name: [None] * len(v) for name, v in case.measurements.items()})
    for some in (empty, single, nothing):
        json.dumps(_view(case).data(_content(some)), allow_nan=False)


def stands_in_the_page(case: ViewCase) -> None:
    """With its tab and its program, and all other views beside it."""
    from pixmake.results.report.page import render
    from pixmake.results.report.views import OWN_VIEWS, shown_views

    content = _content(case)
    shown = {view.name: view for view in shown_views(content)}
    assert case.name in shown, f"there is nothing to see of it; there are {', '.join(shown)}"
    assert not shown[case.name].error, shown[case.name].error
    assert OWN_VIEWS.keys() <= shown.keys(), "another view is gone"
    page = "".join(render(content, {}, Path(), "report_files"))
    assert f'id="view-{case.name}"' in page and shown[case.name].program in page
    assert page.count("<script") == page.count("</script>"), "the program ends the element that it stands in"


VIEW = (has_a_program, gives_the_same_json_twice, copes_with_little, stands_in_the_page)
"""The promises of a view of the page; each takes a `ViewCase`."""


def _view(case: ViewCase) -> View:
    from pixmake.results.report.views import NEEDED, OWN_VIEWS

    if case.name in OWN_VIEWS:
        return OWN_VIEWS[case.name]
    found: View = plugins.load(plugins.installed("page")[case.name], NEEDED)
    return found


def _content(case: ViewCase) -> Content:
    """A page of images with these terms and measurements, of which the last one failed."""
    from pixmake.job.record import Failure, Record
    from pixmake.results.report.content import collect

    columns = [*case.terms.values(), *case.measurements.values()]
    records = []
    for row in range(max(map(len, columns), default=1)):
        of = {term: values[row] for term, values in case.terms.items() if row < len(values)}
        measured = {
            key: {"value": values[row]}
            for key, values in case.measurements.items()
            if row < len(values) and values[row] is not None
        }
        run = {"started": "2026-06-01T10:00:00.000+00:00", "seconds": 0.1, "cpu_seconds": 0.1, "host": "here"}
        records.append(Record(f"i{row}", "measure", "ok", of, measured, {}, None, run, (f"i{row}.png",)))
    failure = Failure("ValueError", "nothing to see")
    records.append(Record("failed", "measure", "failed", {}, {}, {}, failure, {}, ("failed.png",)))
    known = {
        "title": "t",
        "versions": {},
        "terms": list(case.terms),
        "steps": {"measure": {}},
        "images": {},
        "tables": [],
    }
    return collect(records, known, Path())


def imports_alone(module: str) -> None:
    """A module is imported by a Python that has the standard library and pixmake, and nothing else."""
    import importlib.util

    package = module.partition(".")[0]
    found = importlib.util.find_spec(package)
    assert found is not None and found.origin, f"there is no module {module}"
    origin = Path(found.origin)
    folder = origin.parent.parent if origin.name == "__init__.py" else origin.parent
    code = (
        "import importlib, sys\n"
        f"sys.path[:0] = {[str(folder), str(HERE.parent)]!r}\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] not in sys.stdlib_module_names | {{'pixmake', {package!r}}}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        f"importlib.import_module({module!r})\n"
    )
    words = [sys.executable, "-I", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    assert done.returncode == 0, f"{module} needs more than the standard library: {last}"


def _plan(case: KindCase, change: Mapping[str, Any] | None = None) -> Plan:
    from pixmake.plan.plan import plan_project

    config = json.loads(json.dumps(case.config))
    config["steps"][case.step].update(change or {})
    return plan_project(config, [])


def _job(plan: Plan, case: KindCase, image: str) -> Any:
    return next((each, job) for each, job in plan.jobs() if each.name == case.step and job.task.id == image)


def _tried(case: KindCase, image: str) -> Any:
    from pixmake.project.try_image import try_image

    return list(try_image(_plan(case), image, case.step))[-1].record
