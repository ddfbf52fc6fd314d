"""Begins a project beside pictures that are there: all that a first run needs, of a proposed config."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.filename_terms import has_format
from pixmake.base.installed import WORKFLOW, project_template
from pixmake.base.system_names import is_of_system
from pixmake.config.images import FORMATS
from pixmake.config.text import write_new
from pixmake.images.axes import is_zarr
from pixmake.project.folder import CONFIG, SCHEMA, complete_project
from pixmake.project.inspection import inspect_images
from pixmake.project.proposal import Proposal, propose_config

_NOT_OURS = {"config", "scripts", "profiles", "results", "logs", "workflow"}
"""Folders of a project that hold no pictures to measure."""

_README = """\
# {name}

{count} in `{source}`, measured with pixmake. Run these in this folder:

```
pixmake check                 # reads config, names and functions, and says all that is wrong
pixmake try {id}
snakemake --cores 4           # all images; what is done is not done again
```

| file | what it says |
| --- | --- |
| `{config}` | which images, and what is done with them; `{keys}` explains every key |
| `scripts/` | how: functions of an image, which return numbers |
| `profiles/default/config.yaml` | Snakemake's options |
| `results/measurements.csv` | the measurements, a row for each image and step |
| `results/report.html` | the page: failures, masks, plots |
"""


def write_start(proposal: Proposal, config: str, *, force: bool = False) -> Iterator[str]:
    """Write a proposed config into the working directory, and all else that a first run needs.

    What is there stays as it is, but for the config where ``force`` is given.

    Parameters
    ----------
    proposal
        The config, and the functions of its steps where the project has none.
    config
        Where it goes.

    Yields
    ------
    str
        What was written; at last what to do next.

    Raises
    ------
    PixmakeError
        A file cannot be written, or the config is there already.
    """
    schema = f"# yaml-language-server: $schema={SCHEMA}\n"
    write_new(schema + proposal.text, config, force=force)
    yield f"wrote {config}"
    yield from _copied(config)
    yield from complete_project(Path())
    first = _first_id(proposal)
    keys = os.path.join(os.path.dirname(config), "README.md")
    texts = {"README.md": _readme(proposal, config, keys, first)}
    if proposal.starter is not None:
        texts[proposal.starter.file] = proposal.starter.text
    for name, text in texts.items():
        if not os.path.exists(name):
            write_new(text, name)
            yield f"wrote {name}"
    tried = f"pixmake try {shlex.quote(first)}, " if first else ""
    yield f"next: pixmake check, {tried}then snakemake --cores 4"


def begin_project(folder: Path) -> Iterator[str]:
    """Begin a project in a folder that holds pictures; beside a config, write what Snakemake needs besides.

    Yields
    ------
    str
        What was written; at last what to do next.

    Raises
    ------
    PixmakeError
        It holds a project already, or no picture, or pictures in several folders.
    """
    with chdir(folder):
        if os.path.exists(CONFIG):
            if written := complete_project(Path()):
                yield from written
                yield "next: pixmake check, then snakemake --cores 4"
                return
            hint = "`pixmake check` reads it; for another project name a folder without one"
            raise PixmakeError([Problem("holds a project already", str(folder / CONFIG), hint)])
        proposal = propose_config(_pictures(str(folder)), Path())
        yield from write_start(proposal, CONFIG)


def _pictures(folder: str) -> str:
    """The one thing in the working directory that holds pictures: a folder, an OME-Zarr, or itself."""
    entries = sorted(os.scandir(), key=lambda entry: entry.name)
    inside = [
        entry.name
        for entry in entries
        if entry.is_dir() and not is_of_system(entry.name, folder=True) and entry.name not in _NOT_OURS
    ]
    holding = [name for name in inside if is_zarr(name) or _holds_pictures(name)]
    if any(entry.is_file() and has_format(entry.name, FORMATS) for entry in entries):
        holding.insert(0, ".")
    if len(holding) == 1:
        return holding[0]
    if not holding:
        hint = "name a folder that is new or empty, or one with pictures in it"
        raise PixmakeError([Problem("is not empty, and holds no picture", folder, hint)])
    told = ", ".join("itself" if name == "." else f"{name}/" for name in holding[:4])
    more = f" and {len(holding) - 4} more" if len(holding) > 4 else ""
    hint = f"put them into one folder, or choose one: pixmake inspect FOLDER -o {CONFIG}"
    raise PixmakeError([Problem(f"holds pictures in several places ({told}{more})", folder, hint)])


def _holds_pictures(folder: str) -> bool:
    for _, inside, files in os.walk(folder):
        inside[:] = [name for name in inside if not is_of_system(name, folder=True)]
        if any(has_format(name, FORMATS) for name in files) or any(map(is_zarr, inside)):
            return True
    return False


def _copied(config: str) -> Iterator[str]:
    """Put the schema and the explanation of every key beside the config."""
    for source in (WORKFLOW / "schemas" / SCHEMA, project_template() / "config/README.md"):
        copy = os.path.join(os.path.dirname(config), source.name)
        if not os.path.exists(copy) and copy != "README.md":
            try:
                shutil.copyfile(source, copy)
            except OSError as error:
                raise PixmakeError([Problem(f"cannot be written: {error.strerror}", copy)]) from None
            yield f"wrote {copy}"


def _first_id(proposal: Proposal) -> str:
    """The id of an image to try; empty if none can be run."""
    found = inspect_images(proposal.config.images, proposal.config, proposal.table).ids
    return next((each for each in found if each is not None), "")


def _readme(proposal: Proposal, config: str, keys: str, first: str) -> str:
    images = proposal.config.images
    source = getattr(images, images.source)
    count = len(proposal.table)
    return _README.format(
        name=Path.cwd().name,
        count=counted(count, "image"),
        source=source.path,
        id=f"{shlex.quote(first or 'ID'):<16}  # one image, at once; its results beside the project's",
        config=config,
        keys=keys,
    )
