# All rules of a project, and the display of its runs.
from pixmake.rules import checkpoint_rules as pixmake_later
from pixmake.rules.aggregate_rules import targets as pixmake_targets
from pixmake.rules.made_again import made_again
from pixmake.progress.log_handler import begin_run, show_progress
from pixmake.progress.exit_status import conclude, stopped, unfinished

show_progress(workflow)
pixmake_again = made_again(plan, workflow)


include: pixmake_rules.smk("images")
include: pixmake_rules.smk("several")
include: pixmake_rules.smk("aggregate")
include: pixmake_rules.smk("provenance")
include: pixmake_rules.smk("collect")


if plan.containers is not None:

    include: pixmake_rules.smk("checkpoint")
