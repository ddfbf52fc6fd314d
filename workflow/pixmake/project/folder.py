"""A project's folder: making a new one, and running Snakemake in one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.installed import WORKFLOW, project_template
from pixmake.config.settings import VARIABLE, parsl_notes, read_settings
from pixmake.plan.batches import ASK, run_slices
from pixmake.project.profiles import missing_plugin
from pixmake.rules import attached
from pixmake.rules.command_line import workflow_profile
from pixmake.rules.ending import SIGNALS
from pixmake.rules.lock import left_locked

CONFIG = "config/config.yaml"
SCHEMA = "config.schema.json"


def make_project(folder: Path) -> list[str]:
    """Fill a new folder with a project that runs at once: the demo, for its user to change.

    Returns
    -------
    list of str
        What to tell the user.

    Raises
    ------
    PixmakeError
        The folder holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = "name a folder that is new or empty"
        raise PixmakeError([Problem("exists and is not empty", str(folder), hint)])
    template = project_template()
    (folder / "profiles").mkdir(parents=True)
    shutil.copy(template / "Snakefile", folder)
    for name in ("config", "scripts", "profiles/default"):
        shutil.copytree(template / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(WORKFLOW / "schemas" / SCHEMA, folder / "config")
    config = folder / "config" / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(f"../workflow/schemas/{SCHEMA}", SCHEMA), encoding="utf-8")
    subprocess.run([sys.executable, "scripts/draw_trial.py"], cwd=folder, check=True)
    here = folder.resolve() == Path.cwd()
    return [
        f"{'this folder' if here else folder} is a new project, with the demo's pictures in images/. Run it:",
        *([] if here else [f"  cd {shlex.quote(str(folder))}"]),
        "  snakemake --cores 4",
        "Then put your own images into config/images.csv and your own function into scripts/.",
    ]


def complete_project(folder: Path) -> list[str]:
    """Give a folder that has a config what else Snakemake needs, where it is not there yet.

    Returns
    -------
    list of str
        What was written.

    Raises
    ------
    PixmakeError
        It cannot be written.
    """
    written = []
    for name in ("Snakefile", "profiles/default/config.yaml"):
        if not (folder / name).exists():
            try:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(project_template() / name, folder / name)
            except OSError as error:
                raise PixmakeError([Problem(f"cannot be written: {error.strerror}", name)]) from None
            written.append(f"wrote {name}")
    return written


def run_snakemake(
    options: Sequence[str], parallel_config: str | None = None, batches: int | None = None
) -> int:
    """Run ``snakemake`` with these options in the working directory.

    Parameters
    ----------
    options
        Snakemake's.
    parallel_config
        A file of settings to use instead of this machine's.
    batches
        In how many slices the images are run, one after the other.

    Returns
    -------
    int
        Its exit status.
    """
    found = read_settings(parallel_config)
    environment = dict(os.environ)
    if parallel_config:
        environment[VARIABLE] = os.path.abspath(parallel_config)
        for note in parsl_notes(parallel_config):
            print(f"pixmake: {parallel_config}: {note}", file=sys.stderr)
    see_snakefile(options)
    _see_that_plugin_is_here(options)
    if found.settings.cores and not _says_cores(options):
        options = ["--cores", str(found.settings.cores), *options]
    unlock()
    command = attached.command(*options)
    if not batches:
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as asked:
            status = _run(command, {**environment, ASK: asked.name})
            batches = int(asked.read() or 0)
        if not batches:
            return status
        print(f"pixmake: a run in {batches} slices, for Snakemake's memory", file=sys.stderr, flush=True)

    def run_slice(more: Mapping[str, str]) -> int:
        told: list[int] = []
        status = _run(command, {**environment, **more}, told.append)
        return status or (128 + told[0] if told else 0)  # it may have come when the slice was just done

    return run_slices(batches, run_slice)


def see_snakefile(options: Sequence[str]) -> None:
    """Say what writes a Snakefile where there is a config alone; Snakemake would say that there is none.

    Raises
    ------
    PixmakeError
        There is none, and the options name none.
    """
    named = any(re.match(r"-[sdhv]|--(snakefile|directory|help|version)", option) for option in options)
    there = any(os.path.exists(f"{place}nakefile") for place in ("S", "s", "workflow/S", "workflow/s"))
    if not named and not there and os.path.exists(CONFIG):
        what = "there is no Snakefile beside it"
        raise PixmakeError([Problem(what, CONFIG, "`pixmake init .` writes what is missing")])


def _see_that_plugin_is_here(options: Sequence[str]) -> None:
    """Say what to install for a profile, of which Snakemake would say that its executor is no choice."""
    profile = workflow_profile(options)
    if profile is not None and profile.is_dir() and (needed := missing_plugin(profile)):
        raise PixmakeError([Problem("needs a package that is not installed here", str(profile), needed)])


def _run(
    command: Sequence[str], environment: Mapping[str, str], tell: Callable[[int], object] = lambda _: None
) -> int:
    """Run a command, which gets the signals that this process gets and tells of, and end with it."""
    with attached.interrupts_held():
        process = subprocess.Popen(command, env=environment)
    with process:

        def pass_on(number: int, _: object) -> None:
            tell(number)
            process.send_signal(number)  # Ctrl-C has reached it, too: once more does no harm

        signals = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        before = {each: signal.signal(each, pass_on) for each in signals}
        try:
            status = process.wait()
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
    return status if status >= 0 else 128 - status


def unlock() -> None:
    """Remove Snakemake's lock, if the run that it belongs to was killed."""
    if left_locked():
        print("pixmake: removing the lock that a killed run left behind", file=sys.stderr)
        command = [sys.executable, "-m", "snakemake", "--unlock", "--quiet", "all"]
        subprocess.run(command, check=False)


def _says_cores(options: Sequence[str]) -> bool:
    """Whether a command line says how much runs at a time, by itself or in a profile."""
    saying = r"-[cj]\d*|--(cores|jobs|profile|workflow-profile)(=.*)?"
    return any(re.fullmatch(saying, option) for option in options)
