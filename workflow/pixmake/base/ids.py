"""Names that are safe as file names and as rule names, and stay the same from run to run."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

LONGEST = 120
"""Characters of an id, so that ``<id>.<file>.<suffix>`` stays below the 255 bytes of a file name."""

_SAFE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_NO_RULE = re.compile(r"[^A-Za-z0-9_]")
_NO_RULES = str.maketrans(".-", "__")


MEMORY = ".snakemake/pixmake/memory"
"""The folder of what runs remember of results. Not below them: that is for what rules make alone."""


def memory_of(results: str) -> str:
    """The folder of what is remembered of a folder of results."""
    return f"{MEMORY}/{safe_id(results)}"


def safe_id(text: str) -> str:
    """An id made of ``[A-Za-z0-9_.-]`` from any text, by that text alone.

    Accents are folded and folders joined by ``_``. Where anything else had to go, six digits of the
    text's hash keep two different texts apart.

    Examples
    --------
    >>> safe_id("trial1/plant_7")
    'trial1_plant_7'
    >>> safe_id("größe {1}")
    'grosse_1_7c2d69'
    """
    flat = text.replace("/", "_")
    if len(flat) <= LONGEST and _SAFE.fullmatch(flat):
        return flat
    plain = text
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    flat = plain.replace("/", "_").replace("\\", "_")
    safe = _UNSAFE.sub("_", flat).strip("_.-")[:LONGEST]
    if safe == text.replace("/", "_"):
        return safe
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{safe}_{digest}" if safe else f"image_{digest}"


def rule_name(step: str, job_id: str) -> str:
    """The name of a job's rule: ``<step>_<id>``, of ``[A-Za-z0-9_]`` alone as Snakemake's options need.

    Examples
    --------
    >>> rule_name("measure", "plant7_2024-01-31")
    'measure_plant7_2024_01_31'
    """
    return f"{step}_{_NO_RULE.sub('_', job_id)}"


def rule_names(step: str, ids: Sequence[str]) -> list[str]:
    """The same for many jobs, whose ids are those of `safe_id`, in their order and at a tenth of the time.

    Examples
    --------
    >>> rule_names("measure", ["plant7", "plant7_2024-01-31"])
    ['measure_plant7', 'measure_plant7_2024_01_31']
    """
    start = f"{step}_"
    text = start + f"\n{start}".join(ids)
    return text.translate(_NO_RULES).split("\n") if ids else []
