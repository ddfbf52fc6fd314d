"""A Parsl configuration as QIIME 2 has it (``qiime2_config.toml``) becomes executors and a profile."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.project.profiles import Site

PROFILES: Mapping[str, str] = {
    "SlurmProvider": "slurm",
    "LSFProvider": "lsf",
    "PBSProProvider": "pbs",
    "TorqueProvider": "pbs",
    "GridEngineProvider": "sge",
    "CondorProvider": "htcondor",
}
"""Parsl's providers of a cluster, and the profile for each."""

_PROVIDERS = ("LocalProvider", *PROFILES)
_EXECUTORS = ("ThreadPoolExecutor", "HighThroughputExecutor")
_DIRECTIVE = re.compile(r"^\s*#(?:SBATCH|PBS|BSUB|\$)\s+(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Imported:
    """What a Parsl configuration says, in pixmake's words."""

    settings: Mapping[str, Any]
    """As in a file of settings: `cores`, `executors`, `steps`."""
    profiles: Mapping[str, Site] = field(default_factory=dict)
    """The profiles that it needs, with what is the site's own."""
    notes: Sequence[str] = ()
    """What has no equal here, for the user to look at."""


def read_qiime2(path: str | Path) -> Imported:
    """Read a QIIME 2 or Parsl configuration.

    Raises
    ------
    PixmakeError
        The file cannot be read, or has an executor, a provider or a mapping that cannot be taken over.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PixmakeError([Problem(f"cannot be read as TOML: {error}", str(path))]) from None
    parsl = content.get("parsl", content)
    listed = parsl.get("executors") if isinstance(parsl, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise PixmakeError([Problem("has no list [[parsl.executors]]", str(path))])
    problems = list(_problems(listed, path))
    if problems:
        raise PixmakeError(problems)
    labels = [_name(each) for each in listed]
    mapping = dict(_mapping(parsl.get("executor_mapping", {})))
    problems = [
        Problem(
            f"{action} is mapped to {label!r}, which no executor is called", str(path), nearest(label, labels)
        )
        for action, label in mapping.items()
        if label not in labels
    ]
    if problems:
        raise PixmakeError(problems)
    settings: dict[str, Any] = {"executors": {_name(each): _executor(each) for each in listed}}
    cores = [each["max_threads"] for each in listed if "max_threads" in each]
    if cores:
        settings["cores"] = max(cores)
    if mapping:
        settings["steps"] = mapping
    return Imported(settings, _profiles(listed), tuple(_notes(listed)))


def _problems(executors: Sequence[Mapping[str, Any]], path: str | Path) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, each in enumerate(executors, 1):
        where = f"{path}: executor {number}"
        for kind, known in ((each.get("class", ""), _EXECUTORS), (_provider(each)["class"], _PROVIDERS)):
            if kind not in known:
                yield Problem(f"{kind or 'no class'!r} cannot be taken over", where, nearest(kind, known))
        if _name(each) in seen:
            yield Problem(f"two executors are called {_name(each)!r}", where)
        seen.add(_name(each))


def _executor(each: Mapping[str, Any]) -> dict[str, Any]:
    provider = _provider(each)
    if provider["class"] == "LocalProvider":
        return {"local": True, **_worker(each)}
    found: dict[str, Any] = {
        **_worker(each),
        "partition": provider.get("partition") or provider.get("queue"),
        "account": provider.get("account") or provider.get("project"),
        "flags": _flags(provider) or None,
        # Parsl's workers take one task after the other for as long as their block lasts
        "images_per_job": "auto",
    }
    minutes = _minutes(provider.get("walltime"))
    if minutes:
        found["job_minutes"] = max(1, minutes // 2)
    return {key: value for key, value in found.items() if value is not None}


def _worker(each: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if each.get("cores_per_worker"):
        found["threads"] = max(1, round(float(each["cores_per_worker"])))
    if each.get("mem_per_worker"):
        found["resources"] = {"mem_mb": round(float(each["mem_per_worker"]) * 1000)}
    if each.get("available_accelerators"):
        found["gpu"] = 1
    return found


def _profiles(executors: Sequence[Mapping[str, Any]]) -> dict[str, Site]:
    found: dict[str, Site] = {}
    for each in executors:
        provider = _provider(each)
        name = PROFILES.get(provider["class"])
        if name is None or name in found:
            continue
        workers = each.get("max_workers_per_node") or each.get("max_workers")
        cores = (
            provider.get("cores_per_node") or provider.get("cpus_per_node") or provider.get("cores_per_slot")
        )
        found[name] = Site(
            cores=cores or (round(workers * float(each.get("cores_per_worker", 1))) if workers else None),
            jobs=provider.get("max_blocks"),
        )
    return found


def _notes(executors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in executors:
        provider = _provider(each)
        if provider.get("worker_init"):
            text = " && ".join(provider["worker_init"].strip().splitlines())
            yield f"{_name(each)}: worker_init is not taken over; do it before you start pixmake: {text}"
        if provider.get("nodes_per_block", 1) > 1:
            yield f"{_name(each)}: one cluster job has one node here, not {provider['nodes_per_block']}"


def _mapping(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Action and executor, from the flat form and from the one with a table a plugin.

    A step is called as its action; where two plugins have one, both get their plugin's name in front.
    """
    nested = [
        (plugin, action) for plugin, value in content.items() if isinstance(value, dict) for action in value
    ]
    flat = [action for action, value in content.items() if not isinstance(value, dict)]
    taken = [*flat, *(action for _, action in nested)]
    for action in flat:
        yield _step(action), str(content[action])
    for plugin, action in nested:
        step = action if taken.count(action) == 1 else f"{plugin}_{action}"
        yield _step(step), str(content[plugin][action])


def _provider(each: Mapping[str, Any]) -> Mapping[str, Any]:
    provider = each.get("provider") or {}
    return {"class": "LocalProvider", **provider} if isinstance(provider, dict) else {"class": str(provider)}


def _name(each: Mapping[str, Any]) -> str:
    return _step(str(each.get("label", "default")))


def _step(name: str) -> str:
    """A name as pixmake's steps and executors have them."""
    cleaned = re.sub(r"\W", "_", name, flags=re.ASCII)
    return cleaned if re.match(r"[A-Za-z_]", cleaned) else f"_{cleaned}"


def _flags(provider: Mapping[str, Any]) -> str:
    options = provider.get("scheduler_options", "")
    directives = _DIRECTIVE.findall(options) or ([options] if options.strip().startswith("-") else [])
    words = [word for text in directives for word in shlex.split(text, comments=True)]
    words += [f"--qos={provider['qos']}"] if provider.get("qos") else []
    words += [f"--constraint={provider['constraint']}"] if provider.get("constraint") else []
    return shlex.join(words)


def _minutes(walltime: Any) -> int | None:
    """Minutes of ``HH:MM:SS``, ``HH:MM`` or a number of minutes."""
    parts = re.findall(r"\d+", str(walltime or ""))
    if not parts:
        return None
    if len(parts) == 1:
        return int(parts[0])
    days = int(parts.pop(0)) if len(parts) == 4 else 0
    return days * 1440 + int(parts[0]) * 60 + int(parts[1])
