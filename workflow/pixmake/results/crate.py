"""A project and its run as a Workflow Run RO-Crate: ``ro-crate-metadata.json`` in the project's folder.

It is made from ``provenance.json``, so that the two say the same.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pixmake.base.errors import MissingExtraError, PixmakeError, Problem
from pixmake.base.files import written_whole

METADATA = "ro-crate-metadata.json"

VERIFIED = "verified.json"
"""In the folder of results: what came of running some images again; see `pixmake.project.verify`."""

VERIFIED_FORMAT = "pixmake verification 1"

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}

_FORMATS = {
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".parquet": "application/vnd.apache.parquet",
    ".sqlite": "application/vnd.sqlite3",
    ".jsonl": "application/jsonl",
    ".smk": "text/plain",
    "": "text/plain",
}

_NO_LICENCE = "No licence is stated: ask the authors before you use this."


@dataclass(frozen=True)
class Words:
    """What only a person can say of a project."""

    name: str
    description: str
    licence: str = ""
    """An address such as ``https://creativecommons.org/licenses/by/4.0/``, or words; "" for the file
    LICENSE of the project, if there is one."""
    authors: tuple[str, ...] = ()
    """Names, each with or without an address that stands for the person: ``Ada https://orcid.org/…``."""


def write_crate(results: str, words: Words) -> Path:
    """Describe the project in the working directory.

    Parameters
    ----------
    results
        The folder of all results, with ``provenance.json``.
    words
        What the crate says beyond that.

    Raises
    ------
    PixmakeError
        There is no provenance yet, or the extra ``rocrate`` is not installed.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise MissingExtraError("an RO-Crate", "rocrate", "rocrate") from None
    told = _provenance(f"{results}/provenance.json")
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    crate.name, crate.description = words.name, words.description
    crate.datePublished = datetime.now(UTC).replace(microsecond=0)
    crate.license = _licence(crate, words.licence)
    people = [_person(crate, author) for author in words.authors]
    if people:
        crate.creator = crate.root_dataset["author"] = people if len(people) > 1 else people[0]
    workflow = _workflow(crate, told)
    crate.root_dataset["conformsTo"] = [_profile(crate, *profile) for profile in PROFILES.items()]
    used = [_add(crate, file) for file in told["files"] if file["path"] != "Snakefile"]
    images = {seen["path"]: seen for image in told["images"] for seen in image["inputs"]}
    used += [_add(crate, image) for image in images.values()]
    made = [_add(crate, {"path": path}) for path in _results(results)]
    made += [_folder(crate, f"{results}/{step}", step) for step in told["steps"]]
    action = _action(crate, told)
    action["instrument"], action["object"], action["result"] = workflow, used, made
    if people:
        action["agent"] = people[0]
    again = _verification(crate, results, workflow)
    crate.root_dataset["mentions"] = [action, again] if again else action
    path = Path(METADATA)
    with written_whole(path) as temporary:
        content = crate.metadata.generate()
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _provenance(path: str) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        hint = "it is written at the end of a run: run snakemake first"
        raise PixmakeError([Problem("there is no such file", path, hint)]) from None
    except ValueError as error:
        raise PixmakeError([Problem(f"is not what pixmake wrote: {error}", path)]) from None


def _workflow(crate: Any, told: Mapping[str, Any]) -> Any:
    version = told["software"]["packages"].get("snakemake")
    workflow = crate.add_workflow(
        "Snakefile", "Snakefile", main=True, lang="snakemake", lang_version=version, record_size=False
    )
    workflow["name"] = "Snakefile"
    workflow["encodingFormat"] = _FORMATS[""]
    workflow["softwareRequirements"] = [
        crate.add_jsonld(
            {
                "@id": f"pkg:pypi/{package}@{version}",  # a Package URL (ECMA-427)
                "@type": "SoftwareApplication",
                "name": package,
                "version": version,
            }
        )
        for package, version in told["software"]["packages"].items()
        if package in ("pixmake", "numpy", "opencv-python-headless", "plantcv", "scikit-image")
    ]
    return workflow


def _profile(crate: Any, identifier: str, name: str) -> Any:
    content = {
        "@id": identifier,
        "@type": "CreativeWork",
        "name": name,
        "version": identifier.rpartition("/")[2],
    }
    return crate.add_jsonld(content)


def _add(crate: Any, told: Mapping[str, Any]) -> Any:
    """A file of the project, or one that lies elsewhere, by its address."""
    path = str(told["path"])
    properties: dict[str, Any] = {"name": PurePosixPath(path).name}
    if "size" in told:
        properties["contentSize"] = str(told["size"])
    if "sha256" in told:
        properties["sha256"] = told["sha256"]
    properties["encodingFormat"] = (
        mimetypes.guess_type(path)[0]
        or _FORMATS.get(PurePosixPath(path).suffix)
        or "application/octet-stream"
    )
    if "://" in path:
        return crate.add_file(path, properties=properties)
    if path.startswith(("/", "..")):
        return crate.add_file(Path(path).absolute().as_uri(), properties=properties)
    if Path(path).is_dir():
        return crate.add_dataset(path, path, properties=properties)
    return crate.add_file(path, path, properties=properties)


def _licence(crate: Any, words: str) -> Any:
    if not words:
        return _add(crate, {"path": "LICENSE"}) if Path("LICENSE").is_file() else _NO_LICENCE
    if "://" in words:
        return crate.add_jsonld({"@id": words, "@type": "CreativeWork", "name": words})
    return words


def _person(crate: Any, words: str) -> Any:
    address = next((word for word in words.split() if "://" in word), "")
    name = " ".join(word for word in words.split() if word != address)
    identifier = address or f"#{name.replace(' ', '-')}"
    return crate.add_jsonld({"@id": identifier, "@type": "Person", "name": name})


def _folder(crate: Any, path: str, step: str) -> Any:
    properties = {"name": f"The records and files of the step {step}"}
    return crate.add_dataset(path, path, properties=properties)


def _results(results: str) -> Iterable[str]:
    """The tables, the page and the provenance."""
    return sorted(str(path) for path in Path(results).glob("*") if path.is_file() and path.name[0] != ".")


def _verification(crate: Any, results: str, workflow: Any) -> Any:
    """What came of running some images again, if that was done."""
    path = Path(results) / VERIFIED
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict) or told.get("format") != VERIFIED_FORMAT:
        return None
    differing = len({each["id"] for each in told["differences"]})
    ran = f"{len(told['ids'])} of {told['images']} images were run again (seed {told['seed']})"
    came = f"{differing} came out otherwise" if differing else "all came out the same"
    provenance = hashlib.sha256(Path(f"{results}/provenance.json").read_bytes()).hexdigest()
    since = "" if told["provenance"] == provenance else "; the results were written anew since"
    content = {
        "@id": "#verification",
        "@type": "CreateAction",
        "name": "Verification of the results",
        "description": f"{ran}: {came}{since}; which, and how, is in {VERIFIED}",
        "endTime": told["written"],
        "actionStatus": f"http://schema.org/{'Failed' if differing else 'Completed'}ActionStatus",
    }
    if differing:
        content["error"] = f"{differing} images came out otherwise"
    action = crate.add_jsonld(content)
    action["instrument"], action["result"] = workflow, crate.dereference(str(path))
    return action


def _action(crate: Any, told: Mapping[str, Any]) -> Any:
    failed = sum(counts.get("failed", 0) for counts in told["steps"].values())
    status = "Failed" if failed else "Completed"
    content = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of {len(told['images'])} images",
        "startTime": told["began"],
        "endTime": told["ended"],
        "description": "Every image through every step; the status of each is in provenance.json",
        "actionStatus": f"http://schema.org/{status}ActionStatus",
    }
    if failed:
        content["error"] = f"{failed} jobs failed; which, and why, is in provenance.json"
    return crate.add_jsonld(content)
