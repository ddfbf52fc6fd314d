"""``pixmake check``: all that is wrong with a project, before a run."""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from pixmake.base.counted import counted
from pixmake.base.errors import Problem, by_mistake, listed
from pixmake.cli.commands.options import Commands, add_command

if TYPE_CHECKING:
    from pixmake.plan.plan import Plan


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands,
        "check",
        run,
        "Check the config, the table, the images and the steps; say all that is wrong.",
    )
    command.add_argument("--read", action="store_true", help="open every image, too; this takes its time")


def run(arguments: argparse.Namespace) -> int:
    """Print what would run, or raise an error that lists what is wrong."""
    from pixmake.config.models import read_config
    from pixmake.plan.axes_check import fitting_problems
    from pixmake.plan.broken import broken_results, told
    from pixmake.plan.format_check import image_problems
    from pixmake.plan.own_readers import misread
    from pixmake.plan.plan import plan_project
    from pixmake.project.installed_plugins import look_at_plugins
    from pixmake.table.table import Note, counted_notes

    unread: list[Note] = []
    # what opens each image sees its format, too: once is enough
    look = partial(fitting_problems if arguments.read else image_problems, notes=unread)
    plan = plan_project(read_config(arguments.config), [arguments.config], look)
    images = sum(len(group.paths) for group in plan.groups)
    grouped = f" in {counted(len(plan.groups), 'group')}" if plan.config.images.group_by else ""
    steps = ", ".join(planned.name for planned in plan.steps)
    what = f"{counted(images, 'image')}{grouped}"
    if plan.containers is not None:
        what = f"A run will look for images in {counted(len(plan.containers.groups), 'file')}"
    print(f"{arguments.config}: no problem found. {what}; steps: {steps}", flush=True)
    for line in (*counted_notes([*plan.notes, *unread]), *told(broken_results(plan, ()))):
        print(f"  {line}", flush=True)
    for _, problem in look_at_plugins():
        if problem is not None:
            print(f"  {problem}", flush=True)
    wrong = misread(plan.config, plan.groups)
    if wrong is not None:
        print(f"  {wrong}", flush=True)
    return _read(plan) if arguments.read else 0


def _read(plan: Plan) -> int:
    from pixmake.images.axes import ONE_IMAGE, named
    from pixmake.images.remote.uris import is_remote
    from pixmake.plan.format_check import unread_formats, unread_problems
    from pixmake.project.read_check import described, kinds, read_all, with_progress

    images = {named(*image): image for group in plan.groups for image in group.images}
    if not images:
        print("no image is known before a run: none was opened")
        return 0
    here = {name: image for name, image in images.items() if not is_remote(image[0])}
    processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    begun = time.monotonic()
    paths, parts = [path for path, _ in here.values()], [part for _, part in here.values()]
    readings = list(with_progress(read_all(paths, processes, parts), len(here)))
    bad = {named(reading.path, reading.part): reading.error for reading in readings if reading.error}
    verdict = f"{len(bad)} {'does' if len(bad) == 1 else 'do'} not decode"
    print(f"opened {counted(len(here), 'image')} in {time.monotonic() - begun:.1f} s; {verdict}")
    if len(here) < len(images):
        away = len(images) - len(here)
        are = (
            "is not on this machine's disks and was"
            if away == 1
            else "are not on this machine's disks and were"
        )
        print(f"{counted(away, 'image')} {are} not opened")
    if len(bad) < len(here):
        print("\n".join(described(kinds(readings))))
    multiplied = [named(reading.path, reading.part) for reading in readings if reading.is_multiplied]
    if multiplied:
        have = f"{counted(len(multiplied), 'image')} {'has' if len(multiplied) == 1 else 'have'}"
        print(f"{have} colours that are multiplied by their alpha; they come as stored: {min(multiplied)}")
    unread = list(unread_formats(sorted({here[name][0] for name in bad})))
    foreign = {path for path, _, _ in unread}
    others = [
        Problem(bad[name], name, mistake=ONE_IMAGE if ONE_IMAGE in bad[name] else "")
        for name, (path, _) in here.items()
        if name in bad and path not in foreign
    ]
    for same in by_mistake([*unread_problems(unread, {}), *others]):
        print(f"pixmake: {listed(same)}", file=sys.stderr)
    return 1 if bad else 0
