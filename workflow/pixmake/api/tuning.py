"""A step's params tuned from a notebook: sliders, and what comes out of them beside what the config says."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pixmake.api.frames import known_plan
from pixmake.api.parallel import Parallel, Task
from pixmake.api.working_directory import inside
from pixmake.base.errors import MissingExtraError, PixmakeError, Problem
from pixmake.config.models import read_config
from pixmake.plan.plan import plan_project
from pixmake.project import tune
from pixmake.project.try_image import Done
from pixmake.project.tune import Result, Values
from pixmake.project.tune_page import sheet
from pixmake.table.groups import Group

if TYPE_CHECKING:
    import pandas as pd

Varied: TypeAlias = "tuple[float, float] | tuple[float, float, float] | Sequence[Any]"
"""From and to, perhaps with a step, as a tuple; or a list of values."""


class Project(Protocol):
    """A project; see `pixmake.Project`."""

    folder: Path
    config: Path | None


class Tuning:
    """A step with other values of its params, on some images; `Project.tune` makes one.

    In a notebook it shows a slider for each param, and below them what comes out: each image once as the
    config says, and once with the values of the sliders. Nothing of it is among the results.
    """

    def __init__(self, project: Project, step: str, vary: Mapping[str, Varied], images: int = 4) -> None:
        if project.config is None:
            raise PixmakeError([Problem("a pipeline has no config to write into", hint="call save() first")])
        self._project, self._config, self._step = project, project.config, step
        self._images = max(1, images)
        self._read()
        self._vary = tune.named_params(step, {**vary}, self._plan.config, "vary")
        for name, values in vary.items():
            _see_values(name, values)
        if not vary:
            raise PixmakeError([Problem("nothing is varied", "vary", 'for example {"min_area": (20, 200)}')])
        self._values: Values = {key: self._first(key) for key in self._vary}
        self._check(self._values)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the sliders, by param."""
        return {self._called(key): value for key, value in self._values.items()}

    def set(self, values: Mapping[str, Any]) -> Tuning:
        """Set params to other values, as their sliders do.

        Raises
        ------
        PixmakeError
            A param is not among those that are varied, or cannot have this value.
        """
        given = tune.named_params(self._step, values, self._plan.config, "set")
        if unknown := [key for key in given if key not in self._vary]:
            known = ", ".join(self._called(key) for key in self._vary)
            what = f"{self._called(unknown[0])} is not varied here"
            raise PixmakeError([Problem(what, "set", f"varied are: {known}")])
        self._check({**self._values, **given})
        self._values = {**self._values, **given}
        return self

    def results(self) -> list[Result]:
        """What the step makes of each image: as the config says (0), and with the values now (1)."""
        variants = [self._now, self._values]
        asked = [[(values, group) for values in variants] for group in self._groups]
        missing = [each for pairs in asked for each in pairs if self._key(*each) not in self._known]
        by_image = {group.id: [v for v, g in missing if g.id == group.id] for _, group in missing}
        todo = [group for group in self._groups if group.id in by_image]
        # a process of its own for each: what a notebook has started besides is none of its affairs
        tasks = [Task(self._look, group, by_image[group.id]) for group in todo]
        at_once = (os.cpu_count() or 1) if self._apart else 1
        for group, (made, done) in zip(todo, Parallel(tasks, at_once, threading=False).run(), strict=True):
            self._done[group.id] = done
            self._known.update({self._key(values, group): result for values, result in made})
        return [
            Result(group, number, found.tried, found.mask)
            for pairs in asked
            for number, (values, group) in enumerate(pairs)
            for found in [self._known[self._key(values, group)]]
        ]

    @property
    def table(self) -> pd.DataFrame:
        """What is measured: of each image a row as the config says (``variant`` 0), then one with the values.

        ``error`` is None where all is well.
        """
        import pandas as pd

        rows, errors = [], list[str | None]()
        for result in self.results():
            row: dict[str, Any] = {"id": result.group.id, "variant": result.number}
            for tried in result.tried:
                row |= {name: each["value"] for name, each in tried.record.measurements.items()}
            failed = [each.record.error for each in result.tried if each.record.error is not None]
            rows.append(row)
            errors.append(f"{failed[0].type}: {failed[0].message}" if failed else None)
        return pd.DataFrame(rows).assign(error=pd.Series(errors, dtype=object))

    def take(self) -> None:
        """Write the values into config.yaml, whose comments and other lines stay as they are.

        Raises
        ------
        PixmakeError
            The config cannot be changed.
        """
        for _ in tune.write_values(self._config, self._values):
            pass
        self._read()

    def widget(self) -> Any:
        """The sliders and what comes out, as a widget of ipywidgets.

        Raises
        ------
        MissingExtraError
            There is no ipywidgets.
        """
        try:
            import ipywidgets
        except ImportError:
            raise MissingExtraError("a slider", "ipywidgets", "widgets", "or use set(…) and table") from None
        shown, said = ipywidgets.HTML(), ipywidgets.Label()
        take = ipywidgets.Button(description="Take", tooltip=f"Write these values into {self._config.name}")
        sliders = {
            key: _slider(ipywidgets, self._called(key), spec, self._values[key])
            for key, spec in self._vary.items()
        }

        def look(change: Any = None) -> None:
            said.value = "…"
            try:
                self._values = {key: slider.value for key, slider in sliders.items()}
                shown.value, said.value = self._repr_html_(), ""
            except PixmakeError as error:
                shown.value, said.value = f"<pre>{escape(str(error))}</pre>", ""

        def written(button: Any) -> None:
            self.take()
            look()
            values = ", ".join(f"{name} = {value}" for name, value in self.values.items())
            said.value = f"{self._config.name} says {values} now"

        for slider in sliders.values():
            slider.observe(look, names="value")
        take.on_click(written)
        look()
        return ipywidgets.VBox([*sliders.values(), ipywidgets.HBox([take, said]), shown])

    def _repr_html_(self) -> str:
        results = self.results()
        with inside(self._project.folder):  # where the pictures are
            return sheet(self._step, [self._now, self._values], results)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget())

    def _read(self) -> None:
        """Plan the project as its config is now; what was tried before was of another one."""
        with inside(self._project.folder):
            self._plan = known_plan(plan_project(read_config(self._config), [self._config]))
        self._groups = tune.jobs_to_look_at(self._plan, self._step, self._images)
        self._done: dict[str, Done] = {}
        self._known: dict[tuple[str, str], Result] = {}

    @property
    def _now(self) -> Values:
        return tune.values_now(self._plan.config, self._vary)

    @property
    def _apart(self) -> bool:
        """Whether all can be worked on at once: none needs what is made of another, or Snakemake."""
        steps = self._plan.config.steps.values()
        return not any(
            step.terms is not None or step.needs_all or step.conda or step.container for step in steps
        )

    def _first(self, key: tuple[str, str]) -> Any:
        """Where a slider stands at first: at what the param is now, if it goes so far."""
        spec = self._vary[key]
        with inside(self._project.folder):
            now = tune.value_now(self._plan.config, *key)
        if isinstance(spec, tuple):
            return now if _is_number(now) and spec[0] <= now <= spec[1] else spec[0]
        return now if now in spec else spec[0]

    def _check(self, values: Values) -> None:
        with inside(self._project.folder):
            tune.check_variants(self._plan, self._step, [self._now, values], self._images)

    def _look(self, group: Group, variants: Sequence[Values]) -> tuple[list[tuple[Values, Result]], Done]:
        """Run variants on one image, in a process of its own."""
        done = self._done.get(group.id, set())
        with contextlib.chdir(self._project.folder):
            made = [
                (values, result)
                for values in variants
                for result in tune.look(self._plan, self._step, 0, values, self._vary, [group], done)
            ]
        return made, done

    def _called(self, key: tuple[str, str]) -> str:
        of, param = key
        return param if of == self._step else f"{of}.{param}"

    @staticmethod
    def _key(values: Values, group: Group) -> tuple[str, str]:
        return group.id, repr(sorted(values.items()))


def _see_values(name: str, values: Varied) -> None:
    numbers = isinstance(values, tuple) and len(values) in (2, 3) and all(map(_is_number, values))
    if numbers and values[0] < values[1]:
        return
    if isinstance(values, (tuple, str)) or not len(values):
        hint = "write (from, to), or a list of values"
        raise PixmakeError([Problem(f"{values!r} is not understood", f"vary {name}", hint)])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _slider(widgets: Any, name: str, spec: Varied, value: Any) -> Any:
    """One for a param: of numbers, or of the values of a list. It tells of a value once it is let go."""
    how = {"description": name, "continuous_update": False, "style": {"description_width": "initial"}}
    if not isinstance(spec, tuple):
        return widgets.SelectionSlider(options=list(spec), value=value, **how)
    if all(isinstance(each, int) for each in (*spec, value)):
        step = spec[2] if len(spec) == 3 else 1
        return widgets.IntSlider(value=value, min=spec[0], max=spec[1], step=step, **how)
    step = spec[2] if len(spec) == 3 else (spec[1] - spec[0]) / 100
    return widgets.FloatSlider(value=value, min=spec[0], max=spec[1], step=step, **how)
