"""The command ``pixmake``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.errors import PixmakeError, Problem, listed

if TYPE_CHECKING:
    from pixmake.plan import Plan

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

    check = add(
        "check",
        _check,
        "Check the config, the table, the images and the steps; say all that is wrong.",
    )
    check.add_argument("--read", action="store_true", help="open every image, too; this takes its time")

    inspect = add("inspect", _inspect, "Show which images would run and which would not, and why.")
    inspect.add_argument(
        "source",
        nargs="?",
        metavar="FOLDER",
        help="a folder of images, or a table, that has no config: one is proposed (default: the config's)",
    )
    inspect.add_argument("--csv", metavar="DIR", help="write there every image with its status, as CSV")
    _add_output(inspect, "write the proposed config there, with a first analysis beside it", default=None)

    import_ = commands.add_parser("import", help="Make a config.yaml from another system's configuration.")
    systems = import_.add_subparsers(metavar="SYSTEM", required=True)
    summary = "Make a config.yaml from a parallel configuration of PlantCV 4 or 5."
    plantcv = systems.add_parser("plantcv", help=summary, description=summary)
    plantcv.set_defaults(command=_import_plantcv)
    plantcv.add_argument("file", metavar="FILE", help="the JSON file that PlantCV's WorkflowConfig saved")
    _add_output(plantcv)

    summary = "Make settings, and a profile, from QIIME 2's or Parsl's executors."
    qiime2 = systems.add_parser("qiime2", help=summary, description=summary)
    qiime2.set_defaults(command=_import_qiime2)
    qiime2.add_argument("file", metavar="FILE", help="its file, e.g. qiime2_config.toml")
    qiime2.add_argument(
        "-o", "--output", metavar="FILE", default="settings.yaml", help="the settings to write (%(default)s)"
    )

    compile_ = add("compile", _compile, "Print the plan as a Snakefile that runs by itself.")
    compile_.add_argument("-o", "--output", metavar="FILE", help="write it there instead")

    add(
        "run",
        _run,
        "Run the project: the same as `snakemake`, to which all options are passed on. A lock that "
        "a killed run left behind is removed first.",
        config=False,
    ).usage = "pixmake run [--parallel-config FILE] [--batches N] [SNAKEMAKE OPTION …]"

    watch = add(
        "watch",
        _watch,
        "Run the project again and again as its images arrive; safe to end and to start again.",
    )
    watch.add_argument(
        "--idle", type=_seconds, metavar="TIME", help="end once nothing has come for so long, e.g. 30m"
    )
    watch.add_argument("--until", metavar="FILE", help="end once this file is there and all is done")
    watch.add_argument(
        "--settle",
        type=_seconds,
        default=10,
        metavar="TIME",
        help="take a file once it has not changed for so long (10s)",
    )
    watch.add_argument("--every", type=_seconds, default=10, metavar="TIME", help="look so often (10s)")
    watch.add_argument(
        "options", nargs="*", metavar="-- SNAKEMAKE OPTION", help="options of Snakemake, after --"
    )

    status = add("status", _status, "Say how many images are done, failed and to do, step by step.")
    status.add_argument("--json", action="store_true", help="as JSON, with --watch a line at each look")
    status.add_argument("--watch", action="store_true", help="follow a run, from any terminal, until it ends")

    show = add("config", _config, "Print every value that is in force, and the file that it came from.")
    show.usage = "pixmake config show [--config FILE] [--parallel-config FILE]"
    show.add_argument("what", choices=["show"], help="the values of this machine and of this project")
    show.add_argument("--parallel-config", metavar="FILE", help="settings to use instead of this machine's")

    profile = add("profile", _profile, "Write a profile for a cluster into this project.", config=False)
    profile.add_argument("name", metavar="NAME", help="slurm, slurm-plugin, lsf, pbs, sge, …")
    profile.add_argument("--partition", metavar="NAME", help="the partition or queue")
    profile.add_argument("--account", metavar="NAME", help="the account or project that jobs are booked on")
    profile.add_argument("--cores", metavar="N", type=int, help="cores of one cluster job")
    profile.add_argument("--jobs", metavar="N", type=int, help="cluster jobs that wait or run at a time")
    profile.add_argument(
        "--mem-mb", metavar="MB", type=int, help="memory of one image, if its step says none"
    )
    profile.add_argument(
        "--minutes", metavar="N", type=int, help="minutes of one image, if its step says none"
    )

    retry = add("retry", _retry, "Have images run again in the next run, whatever they gave.")
    retry.add_argument("ids", metavar="ID", nargs="*", help="ids of images (default: all failed ones)")
    retry.add_argument("--step", metavar="STEP", help="only this step (default: all)")

    scheduler = commands.add_parser("scheduler", description="What a profile for a cluster calls.")
    scheduler.set_defaults(command=_scheduler)
    scheduler.add_argument("system", metavar="SYSTEM", help="slurm, pbs, torque, moab, sge or oar")
    scheduler.add_argument("action", choices=["submit", "status"])
    scheduler.add_argument(
        "what", metavar="SCRIPT_OR_ID", nargs="+", help="after options of the submit command"
    )
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
    try_ = add("try", _try, "Run one image at once, beside the results, and print what was measured.")
    try_.add_argument("id", metavar="ID", help="the image's id")
    try_.add_argument("--step", metavar="STEP", help="this step, and those that it needs (default: all)")
    try_.add_argument(
        "--notebook",
        action="store_true",
        help="write a notebook with the image's inputs loaded, to work in (default: for the last step)",
    )
    clean = add("clean", _clean, "Remove what runs have made, and nothing else, after saying what.")
    clean.add_argument("--yes", action="store_true", help="do not ask")

    _add_commands_of_the_outcome(commands)
    gather = commands.add_parser("gather", description="One file of the records named on stdin.")
    gather.set_defaults(command=_gather)
    gather.add_argument("output")
    find = commands.add_parser("find", description="The table of the images that containers held.")
    find.set_defaults(command=_find)
    find.add_argument("--content", required=True)

    collect = commands.add_parser("collect", description="One table from the tables named on stdin.")
    collect.set_defaults(command=_collect)
    collect.add_argument("--ending", required=True)
    collect.add_argument("target")
    return parser


def _add_output(
    command: argparse.ArgumentParser, summary: str = "where to (%(default)s)", default: str | None = CONFIG
) -> None:
    command.add_argument("-o", "--output", default=default, metavar="FILE", help=summary)
    command.add_argument("--force", action="store_true", help="write over a file that is there")


def _inspect(arguments: argparse.Namespace) -> int:
    from pixmake.inspection import inspect_images, inspect_project, write_tables
    from pixmake.inspectiontext import as_text
    from pixmake.proposal import propose_config

    proposal = None if arguments.source is None else propose_config(arguments.source, Path())
    if proposal is None:
        inspection = inspect_project(arguments.config)
    else:
        inspection = inspect_images(proposal.config.images, proposal.config, proposal.table)
    width = shutil.get_terminal_size((120, 24)).columns
    print("\n".join(as_text(inspection, width)), flush=True)
    if arguments.csv is not None:
        for name in write_tables(inspection, arguments.csv):
            print(f"wrote {name}", flush=True)
    if proposal is not None:
        _offer(proposal.text, arguments)
    if inspection.problems:
        print(f"pixmake: a run would stop here: {listed(inspection.problems, 12)}", file=sys.stderr)
    return 1 if inspection.problems else 0


def _offer(text: str, arguments: argparse.Namespace) -> None:
    from pixmake.configtext import write_new
    from pixmake.project import complete_project
    from pixmake.proposal import write_starter

    if arguments.output is None:
        print(
            f"\na config for these images (`-o {CONFIG}` writes it, and a first analysis):\n\n{text}", end=""
        )
        return
    write_new(text, arguments.output, force=arguments.force)
    for line in [f"wrote {arguments.output}", *complete_project(Path()), *write_starter(Path())]:
        print(line, flush=True)


def _import_plantcv(arguments: argparse.Namespace) -> int:
    from pixmake.configtext import write_new
    from pixmake.importers.plantcv import import_plantcv
    from pixmake.project import complete_project

    write_new(import_plantcv(arguments.file), arguments.output, force=arguments.force)
    for line in [f"wrote {arguments.output}", *complete_project(Path())]:
        print(line)
    return 0


def _add_commands_of_the_outcome(commands: Any) -> None:
    """The commands that the rules of workflow/rules/aggregate.smk run; no user needs them."""
    records = commands.add_parser("records", description="Records named on stdin, in one file.")
    records.set_defaults(command=_records)
    records.add_argument("gathered")
    aggregate = commands.add_parser("aggregate", description="The tables from gathered records.")
    aggregate.set_defaults(command=_aggregate)
    aggregate.add_argument("gathered")
    for option in ("--columns", "--formats", "--measurements"):
        aggregate.add_argument(option, required=True)
    provenance = commands.add_parser(
        "provenance",
        description="The provenance from gathered records and what stdin says of the project, as JSON.",
    )
    provenance.set_defaults(command=_provenance)
    provenance.add_argument("gathered")
    provenance.add_argument("output")
    summarise = commands.add_parser("summarise", description="A function of the tables.")
    summarise.set_defaults(command=_summarise)
    summarise.add_argument("task")
    summarise.add_argument("--measurements", required=True)
    page = commands.add_parser("page", description="The page of results from gathered records.")
    page.set_defaults(command=_page)
    page.add_argument("gathered")
    page.add_argument("page")
    for option in ("--columns", "--project", "--kept"):
        page.add_argument(option, required=True)
    page.add_argument("--threads", type=int, default=1)


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
    what = f"{images} images{grouped}"
    if plan.containers is not None:
        what = f"A run will look for images in {len(plan.containers.groups)} files"
    print(f"{arguments.config}: no problem found. {what}; steps: {steps}", flush=True)
    for line in counted_notes(plan.notes):
        print(f"  {line}", flush=True)
    return _read(plan) if arguments.read else 0


def _read(plan: Plan) -> int:
    from pixmake.reading import described, kinds, read_all, with_progress
    from pixmake.table import is_remote

    paths = list(dict.fromkeys(path for group in plan.groups for path in group.paths))
    if not paths:
        print("no image is known before a run: none was opened")
        return 0
    here = [path for path in paths if not is_remote(path)]
    processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    begun = time.monotonic()
    readings = list(with_progress(read_all(here, processes), len(here)))
    bad = {reading.path: reading.error for reading in readings if reading.error}
    verdict = f"{len(bad)} {'does' if len(bad) == 1 else 'do'} not decode"
    print(f"opened {len(here)} images in {time.monotonic() - begun:.1f} s; {verdict}")
    if len(here) < len(paths):
        print(f"{len(paths) - len(here)} images are not on this machine's disks and were not opened")
    if len(bad) < len(here):
        print("\n".join(described(kinds(readings))))
    for path in here:
        if path in bad:
            print(f"pixmake: {Problem(bad[path], path)}", file=sys.stderr)
    return 1 if bad else 0


def _compile(arguments: argparse.Namespace) -> int:
    from pixmake.config import read_config
    from pixmake.found import found_plan
    from pixmake.plan import plan_project
    from pixmake.records import written_whole
    from pixmake.rules import as_text

    plan = plan_project(read_config(arguments.config), [arguments.config])
    plan = plan if plan.containers is None else found_plan(plan.config)
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

    own, passed_on = _own_options(arguments.passed_on)
    return run_snakemake(passed_on, own.parallel_config, own.batches)


def _own_options(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of `pixmake run` itself, and the words that are Snakemake's."""
    parser = argparse.ArgumentParser(prog="pixmake run", add_help=False, allow_abbrev=False)
    parser.add_argument("--parallel-config", metavar="FILE")
    parser.add_argument("--batches", metavar="N", type=int)
    return parser.parse_known_args(words)


def _profile(arguments: argparse.Namespace) -> int:
    from pixmake.profiles import Site, write_profile

    keys = ("partition", "account", "cores", "jobs", "mem_mb", "minutes")
    folder = write_profile(arguments.name, Site(**{key: getattr(arguments, key) for key in keys}))
    print(f"{folder} is written. Run it: snakemake --workflow-profile {folder}")
    return 0


def _import_qiime2(arguments: argparse.Namespace) -> int:
    import yaml

    from pixmake.importers.qiime2 import read_qiime2
    from pixmake.profiles import write_profile
    from pixmake.records import written_whole

    imported = read_qiime2(arguments.file)
    if Path(arguments.output).exists():
        raise PixmakeError([Problem("is there already", arguments.output, "name another with --output")])
    with written_whole(arguments.output) as temporary:
        temporary.write_text(yaml.safe_dump(dict(imported.settings), sort_keys=False), encoding="utf-8")
    print(
        f"{arguments.output} is written: use it with --parallel-config, or see docs/cluster.md for its place"
    )
    for name, site in imported.profiles.items():
        folder = write_profile(name, site)
        print(f"{folder} is written. Run it: pixmake run --workflow-profile {folder}")
    for note in imported.notes:
        print(f"note: {note}")
    return 0


def _config(arguments: argparse.Namespace) -> int:
    from pixmake.config import load_config
    from pixmake.effective import as_lines, project_lines, settings_lines
    from pixmake.settings import read_settings

    found = read_settings(arguments.parallel_config)
    if arguments.config == CONFIG and not Path(CONFIG).exists():
        lines = list(settings_lines(found))
    else:
        lines = list(project_lines(load_config(arguments.config), found, arguments.config))
    for line in as_lines(lines):
        print(line)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from pixmake.config import load_config
    from pixmake.display import one_line
    from pixmake.follow import follow, run_progress, status_json, status_table
    from pixmake.runstate import read_plan
    from pixmake.status import project_status

    config = load_config(arguments.config)
    if arguments.watch:
        follow(config, arguments.json)
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


def _scheduler(arguments: argparse.Namespace) -> int:
    from pixmake.schedulers import phase, submit

    *flags, what = arguments.what
    print(
        submit(arguments.system, what, flags)
        if arguments.action == "submit"
        else phase(arguments.system, what)
    )
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


def _watch(arguments: argparse.Namespace) -> int:
    from pixmake.watch import Watching, watch

    how = Watching(
        every=arguments.every,
        settle=arguments.settle,
        idle=arguments.idle,
        until=arguments.until,
        options=[*arguments.options, *(["--configfile", arguments.config] * (arguments.config != CONFIG))],
    )
    return watch(arguments.config, how)


def _seconds(text: str) -> float:
    """A time such as 90, 90s, 30m or 2h in seconds."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in "smh" else (text, "s")
    seconds = float(number) * {"s": 1, "m": 60, "h": 3600}[unit]
    if not seconds >= 0:
        raise ValueError
    return seconds


def _try(arguments: argparse.Namespace) -> int:
    from pixmake.config import read_config
    from pixmake.found import found_plan
    from pixmake.plan import plan_project
    from pixmake.trial import shown, try_image, write_notebook

    plan = plan_project(read_config(arguments.config), [arguments.config])
    plan = plan if plan.containers is None else found_plan(plan.config)
    if arguments.notebook:
        path = write_notebook(plan, arguments.id, arguments.step)
        print(f"{path} has the inputs of {arguments.id} loaded")
        return 0
    failed = False
    for tried in try_image(plan, arguments.id, arguments.step):
        failed = tried.record.error is not None
        print(f"{tried.record.step} {tried.record.status}; its log: {tried.log}")
        print("\n".join(shown(tried.record)))
    return int(failed)


def _clean(arguments: argparse.Namespace) -> int:
    from pixmake.cleanup import described, remove, what_was_made
    from pixmake.config import load_config

    made = what_was_made(load_config(arguments.config))
    if not made.files:
        print("There is nothing that a run has made.")
        return 0
    print("What runs have made here:")
    for line in described(made):
        print(line)
    if not arguments.yes and not _agreed(f"Remove these {len(made.files)} files?"):
        print("Nothing was removed.")
        return 1
    remove(made)
    print(f"{len(made.files)} files removed.")
    return 0


def _agreed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


@contextmanager
def _told_in_words() -> Iterator[None]:
    """What a command of a rule trips over, as a message instead of a traceback."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise PixmakeError([Problem(str(error))]) from None


def _records(arguments: argparse.Namespace) -> int:
    from pixmake.aggregate import gather

    with _told_in_words():
        gather((line.rstrip("\n") for line in sys.stdin), arguments.gathered)
    return 0


def _aggregate(arguments: argparse.Namespace) -> int:
    from pixmake.aggregate import write_tables
    from pixmake.aggregation import Aggregate

    with _told_in_words():
        columns = json.loads(arguments.columns)
        formats = Aggregate.model_validate_json(arguments.formats)
        write_tables(arguments.gathered, columns, str(Path(arguments.measurements).parent), formats)
    return 0


def _summarise(arguments: argparse.Namespace) -> int:
    from pixmake.summarise import summarise

    summarise(json.loads(arguments.task), str(Path(arguments.measurements).parent))
    return 0


def _page(arguments: argparse.Namespace) -> int:
    from pixmake.report import write_report

    with _told_in_words():
        project = {"terms": json.loads(arguments.columns), **json.loads(arguments.project)}
        write_report(arguments.gathered, project, arguments.page, arguments.kept, arguments.threads)
    return 0


def _provenance(arguments: argparse.Namespace) -> int:
    from pixmake.aggregate import gathered
    from pixmake.provenance import write_provenance

    with _told_in_words():
        write_provenance(gathered(arguments.gathered), json.loads(sys.stdin.readline()), arguments.output)
    return 0


def _gather(arguments: argparse.Namespace) -> int:
    from pixmake.gathering import write_gathered

    with _told_in_words():
        write_gathered([line.rstrip("\n") for line in sys.stdin], arguments.output)
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    from pixmake.collect import collect_tables

    files = [line.rstrip("\n") for line in sys.stdin]
    with _told_in_words():
        collect_tables(files, arguments.ending, arguments.target)
    return 0


def _find(arguments: argparse.Namespace) -> int:
    from pixmake.config import parse_config
    from pixmake.found import found_plan, write_found
    from pixmake.plan import make_plan

    config = parse_config(json.loads(arguments.content))
    plan = make_plan(config)
    assert plan.containers is not None
    write_found(plan.containers)
    found = found_plan(config)
    print(f"{len(found.groups)} images found in {len(plan.containers.groups)} files")
    return 0
