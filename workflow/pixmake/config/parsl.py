"""A Parsl configuration as QIIME 2 has it (``qiime2_config.toml``) becomes executors and a profile.

Whatever it says is taken over or noted: `parsl_keys` has the reasons.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.config.parsl_keys import (
    CLOUDS,
    EXECUTORS,
    LEFT,
    OTHER_EXECUTORS,
    PROFILES,
    PROVIDERS,
    TAKEN,
    TAKEN_HERE,
    is_parsl,
)

_OF_CONFIG = ("executors", "executor_mapping")
_DIRECTIVE = re.compile(r"^\s*#(?:SBATCH|PBS|BSUB|\$)\s+(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Site:
    """What is a site's own in a profile; None keeps what the profile says."""

    partition: str | None = None
    account: str | None = None
    cores: int | None = None
    jobs: int | None = None
    mem_mb: int | None = None
    minutes: int | None = None


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
    except tomllib.TOMLDecodeError as error:
        raise PixmakeError(no_toml(error, path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PixmakeError([Problem(f"cannot be read as TOML: {error}", str(path))]) from None
    return imported(content, str(path))


def imported(content: Mapping[str, Any], path: str) -> Imported:
    """What a Parsl configuration says that has been read already.

    Parameters
    ----------
    content
        What its file holds.
    path
        Its file, for messages.

    Raises
    ------
    PixmakeError
        It has an executor, a provider or a mapping that cannot be taken over.
    """
    parsl = content.get("parsl", content)
    listed = parsl.get("executors") if isinstance(parsl, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise PixmakeError([Problem("has no list [[parsl.executors]]", path)])
    problems = list(_problems(listed, path))
    if problems:
        raise PixmakeError(problems)
    labels = [_name(each) for each in listed]
    mapping = dict(_mapping(parsl.get("executor_mapping", {})))
    problems = [
        Problem(f"{action} is mapped to {label!r}, which no executor is called", path, nearest(label, labels))
        for action, label in mapping.items()
        if label not in labels
    ]
    if problems:
        raise PixmakeError(problems)
    settings: dict[str, Any] = {"executors": {_name(each): _executor(each) for each in listed}}
    cores = [cores for each in listed if (cores := _cores_here(each))]
    if cores:
        settings["cores"] = max(cores)
    if mapping:
        settings["steps"] = mapping
    beside = {key: value for key, value in content.items() if "parsl" in content and key != "parsl"}
    return Imported(settings, _profiles(listed), tuple(_notes(parsl, listed, beside)))


class ParslConfig(Protocol):
    """A ``parsl.Config``, as far as it is told from a mapping and a path; Parsl need not be installed."""

    executors: Any
    run_dir: Any


def from_parsl(config: ParslConfig) -> dict[str, Any]:
    """A ``parsl.Config`` as its file would have it: what its classes were given, but for their defaults."""
    found = _given(config)
    found["executors"] = [_of_object(each) for each in config.executors]
    return {"parsl": found}


def without_parsl(
    config: Mapping[str, Any] | str | Path | ParslConfig | None,
) -> tuple[Mapping[str, Any] | str | Path | None, Sequence[str]]:
    """Settings, those of Parsl as ours with the notes on them; the path of a file as it is."""
    if config is None or isinstance(config, (str, Path)):
        return config, ()
    content = config if isinstance(config, Mapping) else from_parsl(config)
    if not is_parsl(content):
        return content, ()
    found = imported(content, "ParallelConfig")
    return found.settings, found.notes


def _of_object(each: Any) -> dict[str, Any]:
    found = {"class": type(each).__name__, **_given(each)}
    provider = getattr(each, "provider", None)
    if provider is not None:
        given = _given(provider)
        if "scheduler_options" in given:
            given["scheduler_options"] = _own_options(given["scheduler_options"], provider)
        found["provider"] = {"class": type(provider).__name__, **given}
    return found


def _own_options(options: str, provider: Any) -> str:
    """The lines that a provider was given, without those that Parsl has added for its other keys."""
    of_slurm = ("partition", "account", "qos", "constraint", "clusters", "gpus_per_node", "gres")
    of_lsf = {"project": "-P", "queue": "-q", "nodes_per_block": "-nnodes", "cores_per_block": "-n"}
    spelled = {key: f"--{key.replace('_', '-')}=" for key in of_slurm} | {
        key: f"{o} " for key, o in of_lsf.items()
    }
    values = {key: getattr(provider, key, None) for key in (*spelled, "cores_per_node")}
    added = {f"{option}{values[key]}" for key, option in spelled.items()}
    added |= {"--exclusive", f'-R "span[ptile={values["cores_per_node"]}]"'}
    lines = options.strip().splitlines()
    return "\n".join(line for line in lines if line.partition(" ")[2].strip() not in added)


def _given(each: Any) -> dict[str, Any]:
    """What an object of Parsl's was made with, where that is a plain value and not the default."""
    found = {}
    for name, parameter in inspect.signature(type(each)).parameters.items():
        value = getattr(each, name, None)
        number = isinstance(value, (int, float)) and math.isfinite(value)
        plain = number or isinstance(value, (str, list, tuple))
        if plain and value != parameter.default and value not in ("", "\n", [], ()):
            found[name] = list(value) if isinstance(value, tuple) else value
    found.pop("executors", None)
    return found


def no_toml(error: tomllib.TOMLDecodeError, path: str | Path) -> list[Problem]:
    """What is wrong with a file that is no TOML: expressions where numbers should be, if those are it."""
    text = Path(path).read_text(encoding="utf-8-sig")
    return _no_numbers(text, path) or [Problem(f"cannot be read as TOML: {error}", str(path))]


_EXPRESSION = re.compile(
    r"^\s*(?P<key>max_threads|max_workers\w*)\s*=\s*(?P<value>.*cpu_count.*|\.\.\.|X\b.*)$"
)


def _no_numbers(text: str, path: str | Path) -> list[Problem]:
    """Expressions where numbers should be, as the page of QIIME 2 prints its default file."""
    number = max((os.cpu_count() or 2) - 1, 1)
    problems = []
    for line, content in enumerate(text.splitlines(), 1):
        found = _EXPRESSION.match(content)
        if found:
            what = f"{found['key']} = {found['value'].strip()} is no number"
            problems.append(Problem(what, f"{path}:{line}", f"on this machine: {found['key']} = {number}"))
    return problems


def _problems(executors: Sequence[Mapping[str, Any]], path: str | Path) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, each in enumerate(executors, 1):
        where = f"{path}: executor {number}"
        for kind, known in ((each.get("class", ""), EXECUTORS), (_provider(each)["class"], PROVIDERS)):
            if kind in CLOUDS:
                yield Problem(
                    f"{kind!r} cannot be taken over", where, "it rents machines: see docs/kubernetes.md"
                )
            elif kind in OTHER_EXECUTORS:
                yield Problem(f"{kind!r} cannot be taken over", where, f"known: {', '.join(EXECUTORS)}")
            elif kind not in known:
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
        "account": provider.get("account") or (provider.get("project") if _has_account(provider) else None),
        "flags": _flags(provider) or None,
        # Parsl's workers take one task after the other for as long as their block lasts
        "images_per_job": "auto",
    }
    memory = _node_memory(each)
    if memory and "resources" not in found:
        found["resources"] = {"mem_mb": memory}
    if _selected(provider).get("ngpus") or provider.get("gpus_per_node"):
        found["gpu"] = 1
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


def _cores_here(each: Mapping[str, Any]) -> int | None:
    """The cores that an executor has of this machine."""
    if each.get("max_threads"):
        return int(each["max_threads"])
    return _workers_cores(each) if _provider(each)["class"] == "LocalProvider" else None


def _workers_cores(each: Mapping[str, Any]) -> int | None:
    """The cores that the workers of a node have together."""
    workers = each.get("max_workers_per_node") or each.get("max_workers")
    return max(1, round(workers * float(each.get("cores_per_worker", 1)))) if workers else None


def _node_cores(each: Mapping[str, Any]) -> int | None:
    """The cores of one block on one node."""
    provider = _provider(each)
    for key in ("cores_per_node", "cpus_per_node", "cores_per_slot", "cores_per_block", "max_cpu"):
        if provider.get(key):
            return int(provider[key])
    selected = _selected(provider).get("ncpus", "")
    return int(selected) if selected.isdigit() else _workers_cores(each)


def _node_memory(each: Mapping[str, Any]) -> int | None:
    """The memory of one worker, of what a node's workers have together, in MB."""
    provider = _provider(each)
    gigabytes = provider.get("mem_per_node") or provider.get("mem_per_slot")
    selected = _selected(provider).get("mem") or provider.get("max_mem")
    whole = float(gigabytes) * 1000 if gigabytes else _megabytes(str(selected or ""))
    cores = _node_cores(each) or 1
    workers = max(1, int(cores / float(each.get("cores_per_worker", 1) or 1)))
    return max(1, int(whole / workers)) if whole else None


_BYTES = {"": 1e-6, "k": 1e-3, "m": 1.0, "g": 1e3, "t": 1e6}


def _megabytes(text: str) -> float:
    """Of a size as PBS and Kubernetes write it: ``32gb``, ``500Mi``."""
    found = re.fullmatch(r"([\d.]+) *([kmgt]?)(?:b|i|ib|w)?", text.strip().lower())
    return float(found[1]) * _BYTES[found[2]] if found else 0.0


def _selected(provider: Mapping[str, Any]) -> dict[str, str]:
    """What PBS's ``select`` is asked for: ``mem=32gb:ngpus=1``."""
    parts = str(provider.get("select_options") or "").strip(": ").split(":")
    return dict(part.split("=", 1) for part in parts if "=" in part)


_SELECTED = {"mem", "ngpus", "ncpus"}


def _has_account(provider: Mapping[str, Any]) -> bool:
    return bool(provider["class"] != "CondorProvider")


def _profiles(executors: Sequence[Mapping[str, Any]]) -> dict[str, Site]:
    found: dict[str, Site] = {}
    for each in executors:
        provider = _provider(each)
        name = PROFILES.get(provider["class"])
        if name is not None and name not in found:
            found[name] = Site(cores=_node_cores(each), jobs=provider.get("max_blocks"))
    return found


def _notes(
    parsl: Mapping[str, Any], executors: Sequence[Mapping[str, Any]], beside: Mapping[str, Any]
) -> Iterator[str]:
    """What is left out, and what is to be seen to by hand."""
    for key, value in beside.items():
        yield f"{key} is not taken over: {_shown(value)}"
    for key, value in parsl.items():
        if key not in _OF_CONFIG:
            yield _left("", key, value)
    seen: dict[str, str] = {}
    for each in executors:
        name, provider = _name(each), _provider(each)
        here = provider["class"] == "LocalProvider"
        for key, value in (*each.items(), *provider.items()):
            if key in TAKEN and key not in TAKEN_HERE and here:
                yield f"{name}: {key} is not taken over ({_shown(value)}): this executor is on this machine"
            elif key not in TAKEN and not (key == "nodes_per_block" and value == 1):
                yield _left(f"{name}: ", key, value)
        workers = each.get("max_workers_per_node") or each.get("max_workers")
        if not here and workers and _workers_cores(each) != _node_cores(each):
            yield f"{name}: {workers} workers are not taken over: it fills {_node_cores(each)} cores"
        if each.get("mem_per_worker") and (provider.get("mem_per_node") or provider.get("mem_per_slot")):
            yield f"{name}: the memory of a node is not taken over: that of a worker is"
        for part in str(provider.get("select_options") or "").split(":"):
            if part and part.partition("=")[0] not in _SELECTED:
                yield f"{name}: of select_options {part} is not taken over: `flags` may say it"
        options = str(provider.get("scheduler_options") or "").strip()
        if options and not _directives(options):
            yield _left(f"{name}: ", "scheduler_options", options)
        if provider["class"] == "TorqueProvider":
            yield f"{name}: in profiles/pbs/config.yaml write `pixmake scheduler torque` in both commands"
        if provider["class"] == "CondorProvider" and provider.get("project"):
            project = provider["project"]
            yield f"{name}: project is not taken over: `resources: {{classad_AcctGroup: {project}}}`"
        profile = PROFILES.get(provider["class"])
        if profile is not None and seen.setdefault(profile, name) != name:
            yield f"{name}: the profile {profile} has the cores and jobs of {seen[profile]}"
    if "default" not in [_name(each) for each in executors]:
        yield "no executor is called `default`, which QIIME 2 demands; here steps that name none get our own"


def _left(where: str, key: str, value: Any) -> str:
    reason = LEFT.get(key, "Parsl 2026.10 has no such key")
    return f"{where}{key} is not taken over ({_shown(value)}): {reason}"


def _shown(value: Any) -> str:
    return " && ".join(str(value).strip().splitlines())


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


def _directives(options: str) -> list[str]:
    """The options of a submit command among lines of directives, or a line of them."""
    return _DIRECTIVE.findall(options) or ([options] if options.strip().startswith("-") else [])


def _flags(provider: Mapping[str, Any]) -> str:
    texts = _directives(str(provider.get("scheduler_options") or ""))
    words = [word for text in texts for word in shlex.split(text, comments=True)]
    for key in ("qos", "constraint", "clusters", "gres"):
        words += [f"--{key}={provider[key]}"] if provider.get(key) else []
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
