# The door: reads config/config.yaml, plans one job per image and step, and makes their rules.
from snakemake.utils import min_version

min_version("9.27")

try:
    from pixmake import later as pixmake_later
    from pixmake import rules as pixmake_rules
    from pixmake.progress import begin_run, show_progress
    from pixmake.verdict import conclude, stopped, unfinished
except ImportError as error:
    raise SystemExit(f"pixmake is missing here ({error}): pip install pixmake")


configfile: "config/config.yaml"


plan = pixmake_rules.compile_project(
    config, workflow.configfiles, workflow.resource_settings.cores
)
show_progress(workflow)


include: pixmake_rules.smk("images")
include: pixmake_rules.smk("several")
include: pixmake_rules.smk("aggregate")
include: pixmake_rules.smk("provenance")
include: pixmake_rules.smk("collect")


if plan.containers is not None:

    include: pixmake_rules.smk("checkpoint")


rule all:
    default_target: True
    input:
        outcome_rules.targets(plan),
