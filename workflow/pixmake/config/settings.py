"""A person's or a site's own settings: executors and who runs where, for every project on a machine."""

from __future__ import annotations

import contextlib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.config.base_model import Model
from pixmake.config.bounded_yaml import load_yaml
from pixmake.config.models import Executor, Keys, Name, explain, key_lines
from pixmake.config.parsl_keys import is_parsl

VARIABLE = "PIXMAKE_CONFIG"
"""Names the file of settings; ``--parallel-config`` sets it for what runs inside."""

FILES = ("settings.yaml", "settings.yml", "settings.toml")
"""What a file of settings is called in one of the folders."""


class Settings(Model):
    """What applies to every project on a machine."""

    cores: Annotated[int, Field(gt=0)] | Literal["all"] | None = None
    """The cores that `pixmake run` uses if its command line does not say."""

    executors: dict[Name, Executor] = {}
    """Where jobs run, by name; a project's own executors come on top of these."""

    steps: dict[Name, Name] = {}
    """Step: the executor that runs it, in every project that has a step of this name."""


@dataclass(frozen=True)
class FoundSettings:
    """Settings with the file that they came from, and where that was looked for."""

    settings: Settings
    source: str
    """The file, or `default`."""


def read_settings(named: str | Path | None = None) -> FoundSettings:
    """The settings of this machine: the first file that is there; see `places`.

    Parameters
    ----------
    named
        A file, as given by ``--parallel-config``.

    Raises
    ------
    PixmakeError
        A named file is missing, or the file that was found says something that cannot be.
    """
    named = named or os.environ.get(VARIABLE)
    if named:
        return FoundSettings(load_settings(named), str(named))
    for folder in places():
        for name in FILES:
            if (folder / name).is_file():
                return FoundSettings(load_settings(folder / name), str(folder / name))
    settings = Settings(cores=default_cores())
    own = Path(sys.prefix) / "etc" / "pixmake" / FILES[0]
    return FoundSettings(settings, str(own) if _write_default(own, settings) else "default")


def places() -> Iterator[Path]:
    """The folders that may hold a file of settings: the user's, the site's, the environment's."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    site = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    conda = os.environ.get("CONDA_PREFIX")
    yield Path(home) / "pixmake"
    yield from (Path(folder) / "pixmake" for folder in (*site.split(os.pathsep), "/etc") if folder)
    if conda:
        yield Path(conda) / "etc" / "pixmake"
    yield Path(sys.prefix) / "etc" / "pixmake"


def default_cores() -> int:
    """All cores but one, which is left to the person at the machine."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there - 1)


def load_settings(path: str | Path) -> Settings:
    """Read and check a file of settings, YAML or TOML; QIIME 2's own, of Parsl, is one too.

    Raises
    ------
    PixmakeError
        It is missing, cannot be read, or says something that cannot be.
    """
    content = _content(Path(path))
    if is_parsl(content):
        from pixmake.config.parsl import imported  # what hardly anybody needs, and takes a while to be made

        content = imported(content, str(path)).settings
    lines, problems = key_lines(path) if not str(path).endswith(".toml") else ({}, [])
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        problems += [explain(detail, lines, str(path), Settings) for detail in error.errors()]
        raise PixmakeError(problems) from None
    if problems:
        raise PixmakeError(problems)
    return settings


def parsl_notes(path: str | Path) -> list[str]:
    """Of a file of settings that is Parsl's: what is not taken over, and where its profile comes from."""
    content = _content(Path(path))
    if not is_parsl(content):
        return []
    from pixmake.config.parsl import imported

    found = imported(content, str(path))
    profiles = " and ".join(found.profiles)
    more = [f"`pixmake import qiime2 {path}` writes the profile {profiles} for it"] if profiles else []
    return [*found.notes, *more]


def place_of(found: FoundSettings, keys: Keys) -> str:
    """``file:line`` of a key, for messages."""
    if found.source.endswith((".yaml", ".yml")):
        return key_lines(found.source)[0].get(keys, found.source)
    return found.source


def _content(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text) if path.suffix == ".toml" else load_yaml(text)
    except FileNotFoundError:
        raise PixmakeError([Problem("there is no such file of settings", str(path))]) from None
    except tomllib.TOMLDecodeError as error:
        from pixmake.config.parsl import no_toml

        raise PixmakeError(no_toml(error, path)) from None
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise PixmakeError([Problem(f"cannot be read: {error}", str(path))]) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise PixmakeError([Problem("holds no keys", str(path), "e.g. `executors`, `steps`, `cores`")])
    return content


def _write_default(path: Path, settings: Settings) -> bool:
    """Leave the default where the next run, and its user, find it; many places cannot be written."""
    text = (
        "# Settings for every pixmake project that runs in this environment; see docs/cluster.md.\n"
        f"cores: {settings.cores} # all of this machine's but one\n"
        "executors:\n"
        "  default: {}\n"
    )
    with contextlib.suppress(OSError), written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        return True
    return False
