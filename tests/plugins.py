"""Packages that add something to pixmake, put where Python finds them as pip would, without a network."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import REPOSITORY

PLUGINS = REPOSITORY / "plugins"


def install(
    folder: Path, package: str, points: Mapping[str, str], files: Mapping[str, str] | None = None
) -> Path:
    """Install a package of some files into a folder that is to be on Python's path.

    Parameters
    ----------
    points
        Entry points: ``kinds.frost`` and the module that adds it.
    """
    groups: dict[str, list[str]] = {}
    for point, value in points.items():
        group, _, name = point.partition(".")
        groups.setdefault(group, []).append(f"{name} = {value}")
    text = "".join(f"[pixmake.{group}]\n" + "\n".join(lines) + "\n" for group, lines in groups.items())
    about = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(text)
    for name, content in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(content))
    return folder


def install_from_source(folder: Path, name: str) -> Path:
    """Install a package of ``plugins/`` into a folder, by links to its modules and its entry points."""
    project = tomllib.loads((PLUGINS / name / "pyproject.toml").read_text())["project"]
    points = {
        f"{group.removeprefix('pixmake.')}.{point}": value
        for group, entries in project["entry-points"].items()
        for point, value in entries.items()
    }
    install(folder, name, points)
    for module in (PLUGINS / name / "src").iterdir():
        if not module.name.endswith(".egg-info"):
            (folder / module.name).symlink_to(module)
    return folder
