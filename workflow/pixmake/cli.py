"""The command ``pixmake``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pixmake.errors import PixmakeError, Problem

CONFIG = "config/config.yaml"


def main(words: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status: 0, or 1 if something is wrong with the project, or 2 with the command line.
    """
    words = list(sys.argv[1:] if words is None else words)
    parser = _parser()
    # everything after `run` is Snakemake's, options that pixmake has too included
    passed_on = words[1:] if words[:1] == ["run"] else []
    if words[:1] == ["run"] and passed_on not in (["-h"], ["--help"]):
        arguments = parser.parse_args(["run"])
    else:
        arguments = parser.parse_args(words)
    arguments.passed_on = passed_on
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pixmake",
        description="Runs an image analysis over many images with Snakemake: one rule an image, "
        "one table at the end. A project is a folder with config/config.yaml.",
        epilog="In a project, `snakemake --cores N` does the same as `pixmake run --cores N`.",
    )
    from pixmake import __version__

    parser.add_argument("--version", action="version", version=f"pixmake {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(
        name: str, does: Callable[[argparse.Namespace], int], summary: str, *, config: bool = True
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(command=does)
        if config:
            command.add_argument(
                "--config",
                default=CONFIG,
                metavar="FILE",
                help="the project's config (%(default)s)",
            )
        return command

    init = add("init", _init, "Make a new project that runs at once.", config=False)
    init.add_argument("folder", metavar="DIR", help="the new project's folder; new or empty")

    add(
        "check",
        _check,
        "Check the config, the table, the images and the steps; say all that is wrong.",
    )

    compile_ = add("compile", _compile, "Print the plan as a Snakefile that runs by itself.")
    compile_.add_argument("-o", "--output", metavar="FILE", help="write it there instead")

    add(
        "run",
        _run,
        "Run the project: the same as `snakemake`, to which all options are passed on. A lock that "
        "a killed run left behind is removed first.",
        config=False,
    ).usage = "pixmake run [SNAKEMAKE OPTION …]"

    status = add("status", _status, "Say how many images are done, failed and to do, step by step.")
    status.add_argument("--json", action="store_true", help="as JSON, with --watch a line at each look")
    status.add_argument("--watch", action="store_true", help="follow a run, from any terminal, until it ends")

    retry = add("retry", _retry, "Have images run again in the next run, whatever they gave.")
    retry.add_argument("ids", metavar="ID", nargs="*", help="ids of images (default: all failed ones)")
    retry.add_argument("--step", metavar="STEP", help="only this step (default: all)")

    explain = add("explain", _explain, "Say what made a result, and whether the next run makes it again.")
    explain.add_argument("result", metavar="ID", help="an image's id, or one of its files")
    explain.add_argument("--step", metavar="STEP", help="only this step (default: all)")
    explain.add_argument("--json", action="store_true", help="as JSON")

    diff = add("diff", _diff, "Say what differs between two folders of results.", config=False)
    diff.add_argument("old", type=Path, metavar="OLD", help="a folder of results")
    diff.add_argument("new", type=Path, metavar="NEW", help="another one, of the same images")
    diff.add_argument(
        "--tolerance",
        action="append",
        default=[],
        type=_tolerance,
        metavar="[NAME=]SHARE",
        help="differences up to this share of the old value do not count, of all measurements or of one: "
        "0.01 or area=0.05 (default: 0)",
    )
    diff.add_argument("--csv", metavar="FILE", help="write every change to this file")
    diff.add_argument("--json", action="store_true", help="as JSON")

    crate = add("crate", _crate, "Describe the project and its run as a Workflow Run RO-Crate.")
    crate.add_argument("--name", default="", help="what it is called (default: the folder's name)")
    crate.add_argument("--description", default="", help="what it is, in a sentence or more")
    crate.add_argument("--license", default="", help="an address or words (default: the file LICENSE)")
    crate.add_argument(
        "--author", action="append", default=[], metavar="NAME", help="a name, with an ORCID's address or not"
    )

    aggregate = commands.add_parser("aggregate", description="The tables from records named on stdin.")
    aggregate.set_defaults(command=_aggregate)
    for option in ("--columns", "--measurements", "--failures"):
        aggregate.add_argument(option, required=True)
    provenance = commands.add_parser(
        "provenance",
        description="The provenance from what stands on stdin: a line of JSON about the project, then "
        "the names of all records.",
    )
    provenance.set_defaults(command=_provenance)
    provenance.add_argument("output", metavar="FILE")
    return parser


def _init(arguments: argparse.Namespace) -> int:
    from pixmake.project import make_project

    for line in make_project(Path(arguments.folder)):
        print(line)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from pixmake.config import read_config
    from pixmake.plan import plan_project
    from pixmake.table import counted_notes

    plan = plan_project(read_config(arguments.config), [arguments.config])
    images = sum(len(group.paths) for group in plan.groups)
    grouped = f" in {len(plan.groups)} groups" if plan.config.images.group_by else ""
    steps = ", ".join(planned.name for planned in plan.steps)
    print(f"{arguments.config}: no problem found. {images} images{grouped}; steps: {steps}")
    for line in counted_notes(plan.notes):
        print(f"  {line}")
    return 0


def _compile(arguments: argparse.Namespace) -> int:
    from pixmake.config import read_config
    from pixmake.plan import plan_project
    from pixmake.records import written_whole
    from pixmake.rules import as_text

    plan = plan_project(read_config(arguments.config), [arguments.config])
    if arguments.output is None:
        sys.stdout.writelines(as_text(plan))
        return 0
    with (
        written_whole(arguments.output) as temporary,
        open(temporary, "w", encoding="utf-8") as text,
    ):
        text.writelines(as_text(plan))
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from pixmake.project import run_snakemake

    return run_snakemake(arguments.passed_on)


def _status(arguments: argparse.Namespace) -> int:
    from pixmake.config import load_config
    from pixmake.display import one_line
    from pixmake.runstate import read_plan
    from pixmake.status import project_status
    from pixmake.watch import run_progress, status_json, status_table, watch

    config = load_config(arguments.config)
    if arguments.watch:
        watch(config, arguments.json)
        return 0
    plan = read_plan()
    run = run_progress(plan) if plan else None
    counts = project_status(config)
    if arguments.json:
        print(status_json(counts, run))
    else:
        print("\n".join(status_table(counts)))
        if run is not None:
            print(f"a run is going on: {one_line(run)}")
    return 0


def _retry(arguments: argparse.Namespace) -> int:
    from pixmake.config import load_config
    from pixmake.status import ask_again

    asked = ask_again(load_config(arguments.config), arguments.ids, arguments.step)
    print(f"{asked} images will run again in the next run")
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    from pixmake.config import read_config
    from pixmake.explain import as_content, explained, lines
    from pixmake.plan import plan_project

    plan = plan_project(read_config(arguments.config), [arguments.config])
    found = explained(plan, arguments.result, arguments.step)
    if arguments.json:
        print(json.dumps([as_content(each) for each in found], indent=1, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(lines(each)) for each in found))
    return 0


def _tolerance(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    value = float(share)
    if not value >= 0:
        raise ValueError(text)
    return name, value


def _diff(arguments: argparse.Namespace) -> int:
    from pixmake.diff import Tolerance, as_content, compare, lines, write_changes

    by_name = dict(arguments.tolerance)
    tolerance = Tolerance(by_name.pop("", 0.0), by_name)
    try:
        if arguments.csv:
            found = write_changes(arguments.csv, arguments.old, arguments.new, tolerance)
        else:
            found = compare(arguments.old, arguments.new, tolerance)
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        return 2  # as `diff` does: 1 is a difference
    if arguments.json:
        print(json.dumps(as_content(found), indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(found)))
    return 1 if found.any else 0


def _crate(arguments: argparse.Namespace) -> int:
    from pixmake.config import load_config
    from pixmake.crate import Words, write_crate

    name = arguments.name or Path.cwd().name
    description = arguments.description or f"An image analysis and its results: {name}"
    words = Words(name, description, arguments.license, tuple(arguments.author))
    path = write_crate(load_config(arguments.config).results, words)
    print(f"{path} describes this folder as a Workflow Run RO-Crate")
    return 0


def _aggregate(arguments: argparse.Namespace) -> int:
    from pixmake.aggregate import write_tables

    records = [line.rstrip("\n") for line in sys.stdin]
    try:
        columns = json.loads(arguments.columns)
        write_tables(records, columns, arguments.measurements, arguments.failures)
    except (ValueError, OSError) as error:
        raise PixmakeError([Problem(str(error))]) from None
    return 0


def _provenance(arguments: argparse.Namespace) -> int:
    from pixmake.provenance import write_provenance
    from pixmake.records import read_record

    try:
        told = json.loads(sys.stdin.readline())
        records = (read_record(line.rstrip("\n")) for line in sys.stdin)
        write_provenance(records, told, arguments.output)
    except (ValueError, OSError) as error:
        raise PixmakeError([Problem(str(error))]) from None
    return 0
