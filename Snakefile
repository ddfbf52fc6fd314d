# The door: reads config/config.yaml, plans one job per image and step, and makes their rules.
from snakemake.utils import min_version

min_version("9.27")

try:
    from pixmake import rules as pixmake_rules
except ImportError as error:
    raise SystemExit(f"pixmake is missing here ({error}): pip install pixmake")


pixmake_rules.look_at("config/config.yaml")

# `--configfile other.yaml` means that file alone, as `pixmake check --config other.yaml` does
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


plan = pixmake_rules.compile_project(
    config, workflow.configfiles, workflow.resource_settings.cores
)


include: pixmake_rules.smk("project")


rule all:
    default_target: True
    input:
        pixmake_targets(plan),
