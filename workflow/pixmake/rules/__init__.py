"""All that knows Snakemake: a plan becomes rules, and runs as Snakemake has it.

What is named here is for Snakefiles: ``from pixmake import rules as pixmake_rules`` in a project's own, and
the ``.smk`` files of ``workflow/rules``.
"""

from __future__ import annotations

import importlib
from typing import Any

from pixmake.base.operating_system import unfit

_FOR_SNAKEFILES = {
    "aggregate_rules": ("targets",),
    "image_rules": (
        *(
            "CONDA",
            "attempt",
            "at_attempt",
            "collected",
            "columns",
            "compile_project",
            "gatherings",
            "inputs",
        ),
        *("inputs_of_several", "keep_groups_together", "log_of", "look_at", "outputs", "program", "records"),
        *(
            "refuse_prefix",
            "require_deployment",
            "resources",
            "retries",
            "run",
            "run_command",
            "runs",
            "smk",
            "software",
        ),
        *("step_targets", "use_storage"),
    ),
    "settled_rules": ("what_to_do", "with_rules"),
    "made_again": ("what_is_made_again", "what_rules_make_again"),
    "run_handlers": ("attend", "attend_run"),
    "snakemake_internals": ("forget_rule_names",),
}
_HOMES = {name: module for module, names in _FOR_SNAKEFILES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pixmake.rules' has no attribute {name!r}")
    if why := unfit():
        raise SystemExit(f"pixmake: {why}")
    # not at once: who asks how a cluster job ended needs none of it
    globals()[name] = getattr(importlib.import_module(f"pixmake.rules.{_HOMES[name]}"), name)
    return globals()[name]
