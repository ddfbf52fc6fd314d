"""What a template such as ``{plant}_{timestamp:%Y-%m-%d}`` may ask for."""

from __future__ import annotations

import re
import string

_WIDE = re.compile(r"[0-9]{4,}|\{")


def template_problem(template: str) -> str:
    """Why a template's text could become longer than anybody wants, or nothing.

    Examples
    --------
    >>> template_problem("{plant}_{timestamp:%Y-%m-%d}")
    ''
    >>> template_problem("{plant:>1000000000}")
    '{plant:>1000000000}: a width has three digits at the most, and is no field of its own'

    Raises
    ------
    ValueError
        It is no template.
    """
    for _, name, format_spec, _ in string.Formatter().parse(template):
        if format_spec and _WIDE.search(format_spec):
            return (
                f"{{{name}:{format_spec}}}: a width has three digits at the most, and is no field of its own"
            )
    return ""
