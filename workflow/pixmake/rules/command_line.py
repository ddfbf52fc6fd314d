"""What Snakemake's command line asks for and Snakemake would leave out in silence, or stop at."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pixmake.base.errors import Problem, nearest
from pixmake.base.installed import known_profiles

_OPTION = "--workflow-profile"
_SHORTEST = "--workf"
"""An option may be written as short as it is still the only one."""

_UNIT_TESTS = "--generate-unit-tests"

_FILE = re.compile(r"(profile|config)(\.v\d+\+)?\.yaml")


def option_problems(words: Sequence[str] | None = None) -> list[Problem]:
    """What no run of a project can do.

    Parameters
    ----------
    words
        The command line; default: this process's.
    """
    words = sys.argv[1:] if words is None else words
    return [*profile_problems(words), *_unit_tests(words)]


def _unit_tests(words: Sequence[str]) -> list[Problem]:
    """Snakemake copies what each rule needs and makes, a rule an image here, and stops at temporary files."""
    options = [word.partition("=")[0] for word in words]
    if not any(option.startswith("--ge") and _UNIT_TESTS.startswith(option) for option in options):
        return []
    hint = "test its functions as any function of Python; `pixmake verify` runs finished images again"
    return [Problem("is not for a project of pixmake, which has a rule for each image", _UNIT_TESTS, hint)]


def profile_problems(words: Sequence[str] | None = None) -> list[Problem]:
    """A workflow profile that is not there, without which all would run on this machine.

    Parameters
    ----------
    words
        The command line; default: this process's.
    """
    words = sys.argv[1:] if words is None else words
    named = _value(_OPTION, _SHORTEST, words)
    # the Snakemakes that a run starts for its jobs look for no profile
    if named is None or named == "none" or "--mode" in words or workflow_profile(words):
        return []
    name = Path(named).name
    there = [path.parent.name for path in Path("profiles").glob("*/config.yaml")]
    hint = nearest(name, {*known_profiles(), *there})
    if name in known_profiles():
        hint = f"`pixmake profile {name}` writes it into this project"
    return [
        Problem("there is no such workflow profile; without it Snakemake would run all here", named, hint)
    ]


def workflow_profile(words: Sequence[str]) -> Path | None:
    """The workflow profile that a command line names, where it is; nothing if it is not there."""
    named = _value(_OPTION, _SHORTEST, words)
    if named is None:
        return None
    snakefile = _value("--snakefile", "--snakef", words) or _value("-s", "-s", words)
    beside = [Path(snakefile).parent] if snakefile else [Path(), Path("workflow")]
    places = [Path(named), *(folder / "profiles" / named for folder in (Path(), *beside))]
    return next((path for path in places if _is_profile(path)), None)


def _value(name: str, shortest: str, words: Sequence[str]) -> str | None:
    """The value of an option as a command line has it, the last one if there are several."""
    found = None
    for number, word in enumerate(words):
        if word == "--":
            break
        option, equals, value = word.partition("=")
        if option.startswith(shortest) and name.startswith(option):
            if equals:
                found = value
            elif number + 1 < len(words):
                found = words[number + 1]
    return found


def _is_profile(path: Path) -> bool:
    """Whether Snakemake finds options there: a file, or a folder with one."""
    if path.is_dir():
        return any(_FILE.fullmatch(each.name) for each in path.iterdir())
    return path.is_file()
