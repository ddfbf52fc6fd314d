"""pixmake from Python: `map_images`, `Project`, and `ParallelConfig` for what runs inside of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import yaml

from pixmake.api.cell_lines import last_line
from pixmake.api.frames import Results, known_plan
from pixmake.api.pipeline import DRAFT, PipelineStep, images_content, plain, step, steps_content
from pixmake.api.progress_bar import is_watched, shown_bar
from pixmake.api.run import FailedImagesWarning, Run, RunError, failures_in_words
from pixmake.api.tuning import Tuning, Varied
from pixmake.api.working_directory import inside
from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.files import written_whole
from pixmake.base.installed import WORKFLOW
from pixmake.config.models import read_config
from pixmake.config.parsl import ParslConfig, without_parsl
from pixmake.config.settings import read_settings
from pixmake.images.axes import named
from pixmake.plan.format_check import image_problems
from pixmake.plan.plan import Plan, plan_project, selected_table
from pixmake.progress.status import Count, project_status
from pixmake.project.folder import complete_project
from pixmake.results.read import measured_values
from pixmake.rules.compiled import as_text
from pixmake.table.table import PATH, located
from pixmake.table.term_names import column_names

if TYPE_CHECKING:
    import pandas as pd

CONFIG = "config/config.yaml"
TEMPLATE = WORKFLOW / "project" if (WORKFLOW / "project").is_dir() else WORKFLOW.parent
"""The folder with the Snakefile and the profiles that come with pixmake."""

SETTINGS = "PIXMAKE_CONFIG"
"""The environment variable that names the file of settings to use instead of this machine's."""

OnError = Literal["continue", "stop"]


def map_images(
    function: Callable[..., Any] | str,
    table_or_folder: Any,
    cores: int | None = None,
    params: Mapping[str, Any] | None = None,
    on_error: OnError = "continue",
    results: str | Path | None = None,
    progress_bar: bool = True,
    axes: str | None = None,
    read_by: Sequence[str] | None = None,
    strict: bool = False,
    load: Any = None,
) -> pd.DataFrame:
    """Call a function for each image of a table or a folder.

    It is a workflow of one step, run through Snakemake: each image in a process of its own, warm.

    Parameters
    ----------
    function
        A function of an image that returns a dict of measurements; it asks for ``image``, ``path``,
        ``meta`` and its params by name. From a module, or defined in the notebook.
    table_or_folder
        A table's file with a column ``path``, a folder of images, a DataFrame with a column ``path``, or
        paths. Relative paths start from where Python works.
    cores
        How many images at a time; default: what the settings of this machine say, by themselves all
        cores but one.
    params
        Arguments for the function, the same for each image.
    on_error
        ``"continue"``: an image that fails has its reason in the column ``error``, and the others go on.
        ``"stop"``: the first failure ends the run and is raised.
    results
        A folder to keep records, tables, logs and the workflow itself in. The next call with the same
        folder does what is new or has changed, and what failed. Default: nothing is kept.
    progress_bar
        Show how far it is, in a terminal or in a notebook.
    axes
        The axes that an image is to have, such as ``"yx"`` or ``"zyx"``; default: those that it has.
    read_by
        The columns that say which part of an image a row means, such as ``["t", "c"]`` or ``["page"]``;
        default: those of OME-Zarr images.
    strict
        Raise an error at the end if images failed; by itself a warning says so.
    load
        A function that makes the function's argument ``model``, called once and not for each image; or
        several by their arguments, ``{"model": load_model, "scale": load_scale}``.

    Returns
    -------
    DataFrame
        One row an image, in the table's order: ``id``, the metadata, the measurements, ``error`` (None
        where all is well).

    Raises
    ------
    PixmakeError
        Something is wrong with the images, the function or the params; all of it is told.
    RunError
        With ``on_error="stop"`` or ``strict`` an image failed; or Snakemake did.

    Examples
    --------
    Two pictures, one dark and one bright, and a function as it may stand in a notebook:

    >>> import cv2, numpy, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for level in (10, 200):
    ...     _ = cv2.imwrite(f"{folder}/{level}.png", numpy.full((8, 8), level, numpy.uint8))
    >>> def measure(image, *, threshold=100):
    ...     return {"bright": int((image > threshold).sum())}
    >>> map_images(measure, folder, cores=2, params={"threshold": 120})
        id     path  bright error
    0   10   10.png       0  None
    1  200  200.png      64  None
    """
    with contextlib.ExitStack() as stack:
        if results is None:
            folder = Path(stack.enter_context(_temporary_folder()))
        else:
            folder = Path(results).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_a_project(folder)
        images = images_content(table_or_folder, folder, "config", base=Path.cwd())
        settings: dict[str, Any] = {"params": dict(params)} if params else {}
        settings |= {"axes": axes} if axes is not None else {}
        settings |= {"load": load} if load is not None else {}
        images |= {"read_by": list(read_by)} if read_by is not None else {}
        project = Project.from_steps(
            [step(function, **settings)],
            images=images,
            folder=folder,
            results=str(folder),
            on_error=on_error,
            max_failures=_ANY,
        )
        _mark(project.save(CONFIG))
        run = project.run(cores=cores)
        try:
            _watch(run, progress_bar)
            if run.state != "done":
                raise RunError(run.reason(), run)
            rows = _rows(run.results)
            told = failures_in_words(run.results, "see the column error")
            if told and strict:
                raise RunError(told, run)
            if told:
                warnings.warn(told, FailedImagesWarning, stacklevel=2)
            return rows
        except BaseException:
            run.cancel()
            raise


class Project:
    """A project: a config.yaml with its table and its steps, to look at and to run.

    Parameters
    ----------
    config
        The project's ``config.yaml``. It stands for itself: where it is not ``config/config.yaml``, that one
        has no say.
    folder
        The project's folder, from which the paths in the config start; default: the folder around
        ``config/``, or that of the file.

    Raises
    ------
    PixmakeError
        There is no such file, or it is not YAML.

    Examples
    --------
    >>> project = Project("config/config.yaml")  # doctest: +SKIP
    >>> run = project.run(cores=4)  # doctest: +SKIP
    >>> run.progress  # doctest: +SKIP
    Progress(state='running', done=12, total=50, failed=0, seconds=3.1)
    >>> measurements = run.result()  # doctest: +SKIP
    """

    def __init__(self, config: str | Path = CONFIG, *, folder: str | Path | None = None) -> None:
        path = Path(config).resolve()
        around = path.parent.parent if path.parent.name == "config" else path.parent
        self.folder = around if folder is None else Path(folder).resolve()
        """The project's folder."""
        self.config: Path | None = path
        """The project's config.yaml; None as long as a pipeline of steps has not been saved."""
        self._draft: Mapping[str, Any] | None = None
        read_config(path)

    @classmethod
    def from_steps(
        cls, steps: Iterable[PipelineStep], *, images: Any, folder: str | Path = ".", **keys: Any
    ) -> Project:
        """A project of steps that are written in Python.

        Parameters
        ----------
        steps
            What `step` returned; those that they need come along by themselves.
        images
            A table's file, a folder, a DataFrame with a column ``path``, paths, or the keys of
            ``images`` in config.yaml.
        folder
            The project's folder, from which paths start.
        **keys
            The other keys of config.yaml: ``results``, ``on_error``, ``max_failures``, …
        """
        made = cls.__new__(cls)
        made.folder = Path(folder).resolve()
        made.config = None
        made._draft = {"images": images, "steps": tuple(steps), "keys": keys}
        return made

    def save(self, path: str | Path = CONFIG) -> Path:
        """Write the project's config.yaml, and what is not there yet of Snakefile, profile and scripts.

        Parameters
        ----------
        path
            Where, from the project's folder.

        Returns
        -------
        Path
            The file. ``snakemake`` in the project's folder now does the same as `run`, here and on a cluster.

        Raises
        ------
        PixmakeError
            The place is outside of the project's folder; or the steps cannot be written down.
        """
        target = (self.folder / path).resolve()
        if not target.is_relative_to(self.folder):
            hint = "the paths in it start from there: make the project with folder=…"
            what = f"is outside of the project's folder {self.folder}"
            raise PixmakeError([Problem(what, str(path), hint)])
        content = self._content("config", "scripts")
        _write_yaml(target, content)
        complete_project(self.folder)
        self.config, self._draft = target, None
        return target

    def check(self) -> None:
        """Check the config, the table, the images and the steps.

        Raises
        ------
        PixmakeError
            With all that is wrong with them.
        """
        self._plan(image_problems)

    @property
    def table(self) -> pd.DataFrame:
        """The images that are selected: one row an image, with its job's ``id``, the metadata, ``path``."""
        plan = self._plan()
        with _inside(self.folder):
            plan = known_plan(plan)
            table = selected_table(plan.config.images)
        ids = {named(*image): group.id for group in plan.groups for image in group.images}
        paths = enumerate(table.cells[PATH])
        found = [ids.get(named(located(path, table.root), table.part(row))) for row, path in paths]
        frame = table.frame.rename(columns=column_names(table.columns, ["id"]))
        frame.insert(0, "id", found)
        return frame[frame["id"].notna()]  # a group may have been left out for what it lacks

    @property
    def plan(self) -> ProjectPlan:
        """What would be run: all jobs, and how many of them are done."""
        plan = self._plan()
        with _inside(self.folder):
            return ProjectPlan(known_plan(plan), project_status(plan.config))

    @property
    def results(self) -> Results:
        """What is there of the project's results."""
        return Results(self._plan(), self.folder)

    def run(self, cores: int | None = None, profile: str | Path | None = None) -> Run:
        """Run the project in a process of its own.

        Parameters
        ----------
        cores
            How many cores at a time; default: what the profile says, or without one the settings of this
            machine, as for ``pixmake run``.
        profile
            A workflow profile: a folder, or the name of one in ``profiles/``, e.g. ``"slurm"``.

        Returns
        -------
        Run
            The run, which goes on by itself; ``run.result()`` waits for it.

        Raises
        ------
        PixmakeError
            Something is wrong with the project; all of it is told, and nothing is started.
        """
        plan = self._plan()
        options = ["--snakefile", str(self._snakefile())]
        default = self.folder / CONFIG
        config = self._written_config()
        if config != default:
            options += ["--configfile", str(config), "--replace-workflow-config"]
        if profile is not None:
            options += ["--workflow-profile", str(_profile(profile, self.folder))]
        settings = {} if _inner is None else _inner.environment(self.folder)
        if cores is None and profile is None:
            options += ["--cores", str(read_settings(settings.get(SETTINGS)).settings.cores or "all")]
        elif cores is not None:
            options += ["--cores", str(cores)]
        return Run(plan, self.folder, options, settings)

    def tune(self, step: str, vary: Mapping[str, Varied], images: int = 4) -> Tuning:
        """A step with other values of its params, on some images, with sliders in a notebook.

        Parameters
        ----------
        step
            The step whose results are looked at.
        vary
            The values of up to three params: from and to, as a tuple (``(20, 200)``, or with a step
            ``(20, 200, 10)``), or a list of them. ``"segment.min_area"`` is a param of another step, which
            this one needs.
        images
            How many images; those that the table says are of different kinds.

        Raises
        ------
        PixmakeError
            There is no such step or param, or a step cannot be tuned; all of it is told.

        Examples
        --------
        >>> project.tune("segment", {"min_area": (20, 200), "dark": [True, False]})  # doctest: +SKIP
        """
        return Tuning(self, step, vary, images)

    def _plan(self, look: Callable[[Plan], Iterable[Problem]] | None = None) -> Plan:
        content = self._content(DRAFT, f"{DRAFT}/scripts")
        with _inside(self.folder):
            return plan_project(content, [] if self.config is None else [self.config], look)

    def _content(self, place: str, scripts: str) -> dict[str, Any]:
        """What config.yaml says, or would say, with what a `ParallelConfig` around this adds."""
        if self._draft is None:
            assert self.config is not None
            content = read_config(self.config)
        else:
            content = {
                "images": images_content(self._draft["images"], self.folder, place),
                "steps": steps_content(self._draft["steps"], self.folder, scripts),
                **plain(self._draft["keys"], "project"),
            }
        return content if _inner is None else _inner.applied(content)

    def _written_config(self) -> Path:
        """A file with the config: the project's own, or one that is written for this run."""
        if self.config is not None and (_inner is None or not _inner.mapping):
            return self.config
        content = self._content(DRAFT, f"{DRAFT}/scripts")
        digest = hashlib.sha256(repr(content).encode()).hexdigest()[:12]
        return _write_yaml(self.folder / DRAFT / f"config-{digest}.yaml", content)

    def _snakefile(self) -> Path:
        own = [self.folder / "Snakefile", self.folder / "workflow/Snakefile"]
        return next((path for path in own if path.exists()), TEMPLATE / "Snakefile")

    def __repr__(self) -> str:
        return f"Project({str(self.config or self.folder)!r})"

    def _repr_html_(self) -> str:
        return self.plan._repr_html_()


@dataclass(frozen=True)
class ProjectPlan:
    """What a project would run; in a notebook it shows itself."""

    plan: Plan
    """All of it, as data."""
    counts: Mapping[str, Count]
    """How many jobs of each step are done, failed and to do, by the files that are there."""

    @property
    def ids(self) -> list[str]:
        """The ids of the images, or groups, in the table's order."""
        return [group.id for group in self.plan.groups]

    @property
    def jobs(self) -> pd.DataFrame:
        """One row a job: ``step``, ``id``, ``rule``, ``record`` and ``log``."""
        import pandas as pd

        rows = [(job.task.step, job.task.id, job.rule, job.record, job.log) for _, job in self.plan.jobs()]
        return pd.DataFrame(rows, columns=["step", "id", "rule", "record", "log"])

    @property
    def snakefile(self) -> str:
        """The plan as a Snakefile that runs by itself; the same as ``pixmake compile``."""
        return "".join(as_text(self.plan))

    def __str__(self) -> str:
        lines = [f"{len(self.plan.groups)} images or groups"]
        for name, count in self.counts.items():
            lines.append(f"{name}: {count.done} done, {count.failed} failed, {count.to_do} to do")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from pixmake.api.html import plan_html

        return plan_html(self.plan, self.counts)


class ParallelConfig:
    """Executors, and which step runs on which, for all that is run inside of it.

    It holds for the whole of Python, threads included, until it is left.

    Parameters
    ----------
    config
        A file of settings (YAML or TOML), or what one holds:
        ``{"executors": {"big": {"threads": 4, "resources": {…}}}}``. It stands in for the settings of
        this machine, as ``--parallel-config`` does. Default: those of this machine. A configuration of
        Parsl's is taken as well, as a file of QIIME 2's or as a ``parsl.Config``.
    mapping
        Step: the executor that it runs on. It goes before all else that says so.

    Raises
    ------
    PixmakeError
        There is no such file, or it has keys that settings do not have. When a project is run inside: an
        executor or a step of the mapping is not there. When it is entered inside another one.

    Examples
    --------
    >>> with ParallelConfig({"executors": {"big": {"threads": 4}}}, mapping={"segment": "big"}):
    ...     run = Project().run(profile="slurm")  # doctest: +SKIP
    """

    def __init__(
        self,
        config: Mapping[str, Any] | str | Path | ParslConfig | None = None,
        mapping: Mapping[str, str] | None = None,
    ) -> None:
        given, notes = without_parsl(config)
        for note in notes:
            print(f"pixmake: ParallelConfig: {note}", file=sys.stderr)
        self.file = None if given is None or isinstance(given, Mapping) else Path(given).resolve()
        """The file of settings, if it is one."""
        self.settings: Mapping[str, Any] | None = given if isinstance(given, Mapping) else None
        """The settings, if they were given as such."""
        self.mapping = dict(mapping or {})
        """Step: executor."""
        if self.file is not None and not self.file.is_file():
            raise PixmakeError([Problem("there is no such file of settings", str(given))])
        if self.settings is not None:
            self.settings = plain(self.settings, "ParallelConfig")
            known = ["cores", "executors", "steps"]
            problems = [
                Problem(f"ParallelConfig: unknown key {key}", hint=nearest(key, known))
                for key in self.settings
                if key not in known
            ]
            if problems:
                raise PixmakeError(problems)

    def __enter__(self) -> ParallelConfig:
        global _inner
        with _changing:
            if _inner is not None:
                hint = "leave the one before entering another"
                raise PixmakeError([Problem("a ParallelConfig is in force already", hint=hint)])
            _inner = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        global _inner
        with _changing:
            _inner = None

    def applied(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A project's config with the mapping.

        Raises
        ------
        PixmakeError
            The mapping names a step that the project does not have.
        """
        steps = dict(content.get("steps") or {})
        problems = [
            Problem(f"there is no step {name!r}", "ParallelConfig: mapping", nearest(name, map(str, steps)))
            for name in self.mapping
            if name not in steps
        ]
        if problems:
            raise PixmakeError(problems)
        steps.update({name: {**steps[name], "executor": executor} for name, executor in self.mapping.items()})
        return {**content, "steps": steps}

    def environment(self, folder: Path) -> dict[str, str]:
        """What tells a run in a project's folder of the settings; they are written there if need be."""
        if self.settings is not None:
            text = yaml.safe_dump(dict(self.settings), sort_keys=False, allow_unicode=True)
            digest = hashlib.sha256(text.encode()).hexdigest()[:12]
            return {SETTINGS: str(_write_yaml(folder / DRAFT / f"settings-{digest}.yaml", self.settings))}
        return {} if self.file is None else {SETTINGS: str(self.file)}


_MARK = "# Written by pixmake.map_images, anew with each call."

_ANY = 1_000_000_000
"""Failures that `map_images` allows: they are in its rows."""

# one for the whole of Python: what a thread runs inside of the `with` must not lose it in silence
_inner: ParallelConfig | None = None
_changing = threading.Lock()


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a project's folder, from which its paths start, with the settings that are in force."""
    with inside(folder), contextlib.ExitStack() as stack:
        before = dict(os.environ)
        os.environ.update({} if _inner is None else _inner.environment(folder))
        stack.callback(_restore_environment, before)
        yield


def _restore_environment(before: Mapping[str, str]) -> None:
    if SETTINGS in before:
        os.environ[SETTINGS] = before[SETTINGS]
    else:
        os.environ.pop(SETTINGS, None)


@contextlib.contextmanager
def _temporary_folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="pixmake-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_yaml(path: Path, content: Mapping[str, Any]) -> Path:
    with written_whole(path) as temporary:
        text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
    return path


def _profile(profile: str | Path, folder: Path) -> Path:
    places = [folder / profile, folder / "profiles" / profile, TEMPLATE / "profiles" / profile]
    for place in places:
        if place.is_dir():
            return place
    known = {path.name for place in {each.parent for each in places[1:]} for path in place.glob("*")}
    raise PixmakeError([Problem(f"there is no profile {str(profile)!r}", hint=nearest(str(profile), known))])


def _refuse_a_project(folder: Path) -> None:
    """See that `map_images` writes over no config that a person has written."""
    config = folder / CONFIG
    if config.exists() and not config.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
        hint = "name another folder; to run that project: Project(…).run()"
        raise PixmakeError([Problem("map_images would write over this config", str(config), hint)])


def _mark(config: Path) -> None:
    with written_whole(config) as temporary:
        temporary.write_text(f"{_MARK}\n{config.read_text(encoding='utf-8')}", encoding="utf-8")


def _watch(run: Run, progress_bar: bool) -> None:
    """Wait for a run with a progress bar."""
    with shown_bar(progress_bar and is_watched(), "image") as bar:
        ended = False
        while not ended:
            ended = run.wait(0.2)
            progress = run.progress
            bar.show(progress.done, progress.total)


def _rows(results: Results) -> pd.DataFrame:
    """The results of a workflow of one step as one row an image."""
    import pandas as pd

    rows, names = [], dict[str, None]()
    columns = column_names(results.known.columns, ["id", "error"])
    for record in results.records():
        values = measured_values(record)
        names.update(dict.fromkeys(values))
        error = None if record.error is None else f"{record.error.type}: {record.error.message}"
        where = last_line(results.folder, record.error.traceback) if record.error is not None else ""
        error = f"{error} ({where})" if where else error
        terms = {columns.get(term, term): value for term, value in record.terms.items()}
        rows.append({**terms, **values, "id": record.id, "error": error})
    shown = ["id", *columns.values(), *names, "error"]
    table = pd.DataFrame(rows, columns=list(dict.fromkeys(shown)))
    # as it is: pandas would make NaN of None beside texts
    table["error"] = pd.Series([row["error"] for row in rows], dtype=object, index=table.index)
    return table
