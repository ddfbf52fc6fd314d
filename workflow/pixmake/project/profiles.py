"""``pixmake profile``: Snakemake's options for one cluster, written into a project."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.installed import PROFILE, known_profiles, project_template
from pixmake.config.parsl import Site

_RESOURCES: Mapping[str, tuple[str, str]] = {
    "lsf": ("lsf_queue", "lsf_project"),
    "sge": ("sge_queue", "sge_project"),
    "pbs": ("pbs_queue", "pbs_account"),
    "moab": ("moab_queue", "moab_account"),
    "oar": ("oar_queue", "oar_project"),
    "kubernetes": ("", ""),
    "htcondor": ("", ""),
}
"""What partition and account are called where they are not called as on SLURM."""


def write_profile(name: str, site: Site, folder: Path = Path("profiles")) -> Path:
    """Write a profile into a project.

    Parameters
    ----------
    name
        One of `known_profiles`.
    site
        What is to be filled in.
    folder
        The project's folder of profiles.

    Returns
    -------
    Path
        The profile's folder.

    Raises
    ------
    PixmakeError
        There is no such profile, it has no such option, or it is in the project already.
    """
    if name not in known_profiles():
        raise PixmakeError([Problem(f"there is no profile {name!r}", hint=nearest(name, known_profiles()))])
    text = (project_template() / "profiles" / name / PROFILE).read_text(encoding="utf-8")
    target = folder / name / PROFILE
    if target.exists():
        raise PixmakeError([Problem("is there already", str(target), "edit it, or remove it first")])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(filled(name, text, site), encoding="utf-8")
    return target.parent


def missing_plugin(folder: Path) -> str:
    """What installs the package that a profile needs, if that is not here."""
    try:
        text = (folder / PROFILE).read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"^executor: *([\w-]+)", text, re.MULTILINE)
    if not found or found[1] in ("local", "dryrun", "touch"):
        return ""
    module = f"snakemake_executor_plugin_{found[1].replace('-', '_')}"
    if find_spec(module) is not None:
        return ""
    said = re.search(r"pip install .*", text)
    return said[0].rstrip(".") if said else f"pip install {module.replace('_', '-')}"


def filled(name: str, text: str, site: Site) -> str:
    """The text of a profile with a site's own values.

    Raises
    ------
    PixmakeError
        This scheduler does not have partitions or accounts.
    """
    if "default-resources:" not in text and site != Site(cores=site.cores):
        raise PixmakeError([Problem(f"the profile {name!r} is for no cluster: only --cores can be set")])
    partition, account = _RESOURCES.get(name, ("slurm_partition", "slurm_account"))
    if not partition and (site.partition or site.account):
        raise PixmakeError([Problem(f"the profile {name!r} knows no partition or account")])
    values: list[tuple[str, int | str | None]] = [("mem_mb", site.mem_mb), ("runtime", site.minutes)]
    values += [(partition, _as_text(site.partition)), (account, _as_text(site.account))]
    for key, value in values:
        if value is None:
            continue
        if re.search(rf"\b{key}=\w+", text):
            text = re.sub(rf"\b{key}=\w+", f"{key}={value}", text)
        else:
            text = re.sub(
                r"^(default-resources: \[[^\]]*)\]", rf"\g<1>, {key}={value}]", text, flags=re.MULTILINE
            )
    for key, number in (("cores", site.cores), ("jobs", site.jobs)):
        if number is not None:
            text = re.sub(rf"^{key}: \w+", f"{key}: {number}", text, flags=re.MULTILINE)
    return text


def _as_text(name: str | None) -> str | None:
    """A name as a default resource has it: Snakemake takes that for Python where it can, as ``all.q``."""
    if name is None or (name.isidentifier() and not hasattr(builtins, name) and not keyword.iskeyword(name)):
        return name
    return f"'{name}'"
