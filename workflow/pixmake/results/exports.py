"""What `pixmake export` can write: one module an export, pixmake's own and those of installed packages."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pixmake.base import plugins
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import NO_ROOM

if TYPE_CHECKING:
    from pixmake.config.models import Config


class Export(Protocol):
    """What each module has, also one that a package adds (``pixmake.exports``)."""

    @property
    def SUMMARY(self) -> str:
        """What it writes, in a sentence, as ``--help`` has it."""

    @property
    def OUTPUT(self) -> str:
        """The default of ``--output``: a file, or a folder with ``/`` behind it; empty if none is written."""

    def add_options(self, command: argparse.ArgumentParser) -> None:
        """Add options of its own; ``--config``, ``--output`` and ``--force`` are there."""

    def write(self, config: Config, target: Path, arguments: argparse.Namespace) -> Iterator[str]:
        """Write it, whole or not at all; yields what is to be said: ``note: …`` of what is left out.

        Raises
        ------
        PixmakeError
            It cannot be written, or there is nothing to write.
        """


NEEDED = ("SUMMARY", "OUTPUT", "add_options", "write")
"""The names that each export has."""

OWN_EXPORTS = {name: f"pixmake.results.export.{name}" for name in ("omero_csv", "omero_pairs", "omero_rois")}
"""The modules of those that come with pixmake; see `exports`."""


def exports() -> Mapping[str, Export | plugins.PluginError]:
    """All exports by their words on the command line, ``omero-csv``; of one that cannot be used why not."""
    found: dict[str, Export | plugins.PluginError] = {
        name: import_module(module) for name, module in OWN_EXPORTS.items()
    }
    for name, entry in plugins.free("exports", OWN_EXPORTS).items():
        try:
            found[name] = plugins.load(entry, NEEDED)
        except plugins.PluginError as error:
            found[name] = error
    return {name.replace("_", "-"): each for name, each in found.items()}


def written(word: str, export: Export, config: Config, arguments: argparse.Namespace) -> Iterator[str]:
    """Have an export write what was asked for; yields what it says.

    Raises
    ------
    PixmakeError
        What it says itself; there are no results; the target is there already and ``--force`` was not given.
    """
    target = Path(arguments.output) if export.OUTPUT else Path()
    if export.OUTPUT and target.exists() and not arguments.force:
        how = "writes into it" if export.OUTPUT.endswith("/") else "writes over it"
        raise PixmakeError([Problem("is there already", str(target), f"--force {how}")])
    if not Path(config.results).is_dir():
        hint = "run the project first: snakemake --cores 4"
        raise PixmakeError([Problem("there are no results yet", config.results, hint)])
    with _blamed(word.replace("-", "_")):
        yield from export.write(config, target, arguments)


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    """Whatever an export that a package adds raises as a `PluginError` that names the package."""
    try:
        yield
    except PixmakeError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        entry = plugins.installed("exports").get(name)
        if name in OWN_EXPORTS or entry is None:
            raise
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        raise plugins.PluginError([plugins.refuse(entry, told)]) from error
