"""A plan as a Snakefile of its own: the rules of ``workflow/rules``, written out with what they hold.

The ``.smk`` files are the one text of the rules: Snakemake reads them for a run, and so does this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pixmake import rules
from pixmake.plan.plan import Job, Plan
from pixmake.rules import aggregate_rules, checkpoint_rules, image_rules
from pixmake.rules.run_handlers import run_facts
from pixmake.rules.settled_rules import Todo
from pixmake.rules.snakemake_internals import Directive, rules_in

FILES = ("aggregate", "provenance", "collect", "images", "several", "complete")
"""The files of ``workflow/rules`` that hold rules, in the order in which they are written."""

_BLOCKS = {"input", "output", "log", "params", "resources", "conda", "container", "shellcmd"}
"""Directives that stand on lines of their own; the others stand beside their keyword."""

_HEAD = """\
# Written by `pixmake compile`: the plan of a project, one rule an image and step.
# Run it with: snakemake -s THIS_FILE --cores N
from pixmake import rules as pixmake_rules

pixmake_rules.attend_run(
    workflow,
{facts}
)
pixmake_again = pixmake_rules.what_rules_make_again(
    workflow,
    {results!r},
    {made},
)


"""


def as_text(plan: Plan) -> Iterator[str]:
    """The plan as a Snakefile of its own, which needs neither config nor table."""
    from snakemake.io import directory, temp

    facts = "\n".join(f"    {name}={value!r}," for name, value in vars(run_facts(plan)).items())
    gathered = [each.output for each in image_rules.gatherings(plan)]
    made = _text([*gathered, *aggregate_rules.outcome(plan)], 5)
    yield _HEAD.format(facts=facts, results=plan.config.results, made=made)
    runs = {}
    for planned in plan.steps:
        name = f"run_{planned.name}"
        limits = image_rules.run_limits(planned, image_rules.batches_of(plan, planned))
        words = (limits, image_rules.interpreter(planned.step), planned.step.container)
        said = "".join(f"\n    {word!r}," for word in words)
        yield f"{name} = pixmake_rules.run_command({said}\n)\n\n\n"
        runs[planned.name] = _Named(name)
    yield from _rule("all", [("default_target", (True,), {}), ("input", aggregate_rules.targets(plan), {})])
    names = {
        "plan": plan,
        # all that rules gather is their input: so the text needs no file beside it
        "todo": Todo(plan, by_state=False),
        "pixmake_run": runs,
        "pixmake_again": _Again(),
        "pixmake_later": checkpoint_rules,
        "pixmake_rules": rules,
        "checkpoints": None,
        "directory": directory,
        "temp": temp,
    }
    for file in FILES:
        for rule, directives in rules_in(image_rules.smk(file), names):
            yield from _rule(rule, directives)


class _Named:
    """Something that stands under a name in the text."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Again:
    """What is made again, as a text says it."""

    force = _Named("pixmake_again.force")

    def of(self, job: Job) -> dict[str, Any]:
        """A part of the ``input`` of each job's rule."""
        return {"again": self.force}


def _rule(name: str | None, directives: Sequence[Directive]) -> Iterator[str]:
    blocks = []
    for keyword, words, named in directives:
        if keyword == "name":
            (name,) = words
            continue
        texts = [_text(word, 8) for word in _known(words)]
        texts += [
            f"{key}={text}"
            for key, value in named.items()
            if (text := _text(value, 9 + len(key))) not in ("", "[]")
        ]
        if not texts or texts == ["None"]:
            continue
        if keyword == "shellcmd":
            blocks.append(f"    shell:\n        {texts[0]}\n")
        elif keyword in _BLOCKS:
            lines = "".join(f"        {text},\n" for text in texts)
            blocks.append(f"    {keyword}:\n{lines}")
        else:
            blocks.append(f"    {keyword}: {', '.join(texts)}\n")
    yield f"rule {name}:\n{''.join(blocks)}\n\n"


def _known(words: Sequence[Any]) -> Iterator[Any]:
    """What a directive holds, lists of it laid out one by one."""
    for word in words:
        if isinstance(word, list):
            yield from word
        else:
            yield word


def _text(value: Any, indent: int) -> str:
    """A value as it is written; of an input function, which is asked in a run alone, nothing."""
    if isinstance(value, _Named):
        return value.name
    if isinstance(value, list):
        return f"[{f',{chr(10)}{chr(32) * indent}'.join(_text(each, indent) for each in value)}]"
    if isinstance(value, str):
        return "pixmake_rules.CONDA" if value == image_rules.CONDA else _file(value)
    if not callable(value):
        return repr(value)
    return _function(value)


def _file(path: str) -> str:
    """A text, with the marks that Snakemake has put on it as a path."""
    text = repr(str(path))
    flags: Mapping[str, Any] = getattr(path, "flags", {})
    for mark in ("directory", "temp"):
        if flags.get(mark):
            text = f"{mark}({text})"
    return text


def _function(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "")
    if getattr(image_rules, name, None) is function:
        return f"pixmake_rules.{name}"
    if hasattr(function, "grows"):
        return f"lambda wildcards, attempt: pixmake_rules.at_attempt({function.grows!r}, attempt)"
    if hasattr(function, "not_compared"):
        return repr(function(None, None))
    return ""
