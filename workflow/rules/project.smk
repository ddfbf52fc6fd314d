# All rules of a project, and the display of its runs.
from pixmake.rules import checkpoint_rules as pixmake_later
from pixmake.rules.aggregate_rules import targets as pixmake_targets

pixmake_rules.refuse_prefix(workflow)
plan = pixmake_rules.with_rules(plan, workflow)
pixmake_rules.require_deployment(plan, workflow)
pixmake_rules.keep_groups_together(plan, workflow)
pixmake_rules.use_storage(plan, workflow)
todo = pixmake_rules.what_to_do(plan, workflow)
pixmake_run = pixmake_rules.runs(plan)
pixmake_again = pixmake_rules.what_is_made_again(todo, workflow)
pixmake_rules.attend(todo, workflow)


include: pixmake_rules.smk("images")
include: pixmake_rules.smk("several")
include: pixmake_rules.smk("aggregate")
include: pixmake_rules.smk("provenance")
include: pixmake_rules.smk("collect")
include: pixmake_rules.smk("steps")
include: pixmake_rules.smk("complete")


if plan.containers is not None:

    include: pixmake_rules.smk("checkpoint")
