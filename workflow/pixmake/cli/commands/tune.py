"""``pixmake tune``: a step with several values of its params, side by side."""

from __future__ import annotations

import argparse

from pixmake.base.counted import counted
from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    what = "Run a step with several values of its params on some images, and show them side by side."
    command = add_command(commands, "tune", run, what)
    command.add_argument("step", metavar="STEP", help="the step whose results are looked at")
    command.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="PARAM=VALUE,…",
        help="the values of a param, or of STEP.PARAM of a step that it needs; up to three times",
    )
    command.add_argument(
        "--images", type=int, default=4, metavar="N", help="how many images, of all kinds (%(default)s)"
    )
    command.add_argument("--take", type=int, metavar="NUMBER", help="write these values into the config")


def run(arguments: argparse.Namespace) -> int:
    """Write the page, or take a variant."""
    from pixmake.base.errors import PixmakeError, Problem
    from pixmake.base.files import written_whole
    from pixmake.config.models import read_config
    from pixmake.plan.found_images import found_plan
    from pixmake.plan.plan import plan_project
    from pixmake.project import tune, tune_page

    step = arguments.step
    if arguments.take is not None:
        for line in tune.take(step, arguments.take, arguments.config):
            print(line)
        return 0
    plan = plan_project(read_config(arguments.config), [arguments.config])
    plan = plan if plan.containers is None else found_plan(plan.config)
    if not arguments.vary:
        raise PixmakeError([Problem("nothing is varied", "--vary", "for example: --vary min_area=20,50,100")])
    tried = tune.variants(plan.config, tune.parse_varied(step, arguments.vary, plan.config))
    results = tune.tune(plan, step, tried, max(1, arguments.images))
    name = f"tune_{step}.html"
    with written_whole(name) as temporary:
        temporary.write_text(tune_page.page(step, tried, results), encoding="utf-8")
    tune.keep(step, tried)
    failed = sum(any(each.record.error is not None for each in result.tried) for result in results)
    jobs, terms = len(results) // len(tried), plan.config.steps[step].terms
    on = f"{counted(jobs, 'image')}" if terms is None else f"{jobs} of {', '.join(terms) or 'all'}"
    print(f"{name}: {counted(len(tried), 'variant')} on {on}; {failed} failed")
    print(f"take one: pixmake tune {step} --take NUMBER")
    return 0
