"""The settings of a Dask cluster, as PlantCV has them, as resources of a step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pixmake.base.errors import nearest
from pixmake.project.importers.draft import Draft, Path

LOCAL = "LocalCluster"

SLURM = "SLURMCluster"

CLUSTERS = {
    f"{name}Cluster": name.lower() for name in ("SLURM", "LSF", "PBS", "SGE", "OAR", "Moab", "HTCondor")
}
"""The classes of dask-jobqueue, and the profile for each."""


def put_cluster(cluster: str, settings: Mapping[str, Any], draft: Draft, step: Path) -> None:
    """Put the resources of a step's jobs.

    Parameters
    ----------
    cluster
        The name of Dask's class, such as ``SLURMCluster``.
    settings
        The arguments of that class, such as ``memory`` and ``walltime``.
    draft
        Where they go to.
    step
        The keys of the step.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    workers = given.pop("n_workers", 1)
    if cluster == LOCAL:
        if workers != 1:
            draft.note("cluster_config.n_workers", workers, f"run with `--cores {workers}`")
        for key in given.keys() - {"cores", "memory", "disk"}:  # of use on a cluster alone
            draft.note(f"cluster_config.{key}", given[key], "is Dask's, which is not used")
        return
    if cluster in CLUSTERS:
        draft.note("cluster", cluster, f"run with `--workflow-profile profiles/{CLUSTERS[cluster]}`")
    else:
        draft.note(
            "cluster", cluster, f"is no cluster of dask-jobqueue that is known; {nearest(cluster, CLUSTERS)}"
        )
    if workers != 1:
        draft.note(
            "cluster_config.n_workers", workers, f"run with `--jobs {workers}` for as many cluster jobs"
        )
    cores = given.pop("cores", 1)
    if cores != 1:
        draft.note(
            "cluster_config.cores", cores, "each image gets one core; `threads` of the step is for more"
        )
    resources = {**_RESOURCES, **(_SLURM if cluster == SLURM else {})}
    for key, value in given.items():
        name, convert = resources.get(key, ("", _nothing))
        converted = convert(value)
        if converted is None:
            draft.note(f"cluster_config.{key}", value, "belongs into the profile of the cluster")
            continue
        if key == "memory" and isinstance(cores, int) and cores > 1:
            converted = max(1, int(converted) // cores)  # Dask runs as many images at a time in one job
        draft.put((*step, "resources", name), converted, f"cluster_config.{key}")


def _nothing(value: Any) -> None:
    """Of a setting that is no resource."""


def _megabytes(text: Any) -> int | None:
    """Megabytes of a text such as ``1GB`` or ``500 MiB``; a number is one of bytes, as in Dask."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", str(text), re.IGNORECASE)
    if not found:
        return None
    power = ["", "k", "m", "g", "t"].index(found[2].lower())
    return max(1, round(float(found[1]) * float(1024 if found[3] else 1000) ** power / 1e6))


def _minutes(text: Any) -> int | None:
    """Minutes of a wall time such as ``02:30:00`` or ``1-12:00:00``."""
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?", str(text).strip())
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return max(1, (days * 24 + hours) * 60 + minutes + (seconds > 0))


_RESOURCES: dict[str, tuple[str, Callable[[Any], int | str | None]]] = {
    "memory": ("mem_mb", _megabytes),
    "disk": ("disk_mb", _megabytes),
    "walltime": ("runtime", _minutes),
}
_SLURM: dict[str, tuple[str, Callable[[Any], int | str | None]]] = {
    "queue": ("slurm_partition", str),
    "account": ("slurm_account", str),
    "project": ("slurm_account", str),
}
