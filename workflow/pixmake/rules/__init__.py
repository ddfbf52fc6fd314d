"""All that knows Snakemake: a plan becomes rules, and runs as Snakemake has it.

What is named here is for Snakefiles: ``from pixmake import rules as pixmake_rules`` in a project's own, and
the ``.smk`` files of ``workflow/rules``.
"""

from __future__ import annotations

from typing import Any

_FOR_SNAKEFILES = frozenset(
    [
        "CONDA",
        "GROUPS",
        "at_attempt",
        "attempt",
        "begin",
        "collected",
        "columns",
        "compile_project",
        "done_before",
        "end",
        "forget_rule_names",
        "gatherings",
        "inputs",
        "inputs_of_several",
        "log_of",
        "look_at",
        "outputs",
        "over_several",
        "program",
        "records",
        "require_deployment",
        "resources",
        "retries",
        "rows_said",
        "run",
        "run_command",
        "runs",
        "smk",
        "software",
        "step_names",
        "tables",
        "tell_notes",
        "use_storage",
    ]
)


def __getattr__(name: str) -> Any:
    if name not in _FOR_SNAKEFILES:
        raise AttributeError(f"module 'pixmake.rules' has no attribute {name!r}")
    from pixmake.rules import image_rules  # not for each command that needs but the schedulers' words

    globals()[name] = getattr(image_rules, name)
    return globals()[name]
