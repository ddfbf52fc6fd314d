# ruff: noqa: E501  # the bodies of functions stand in lines
"""Two runs of one project between which things were changed on purpose, so that each number's cause is known."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.job.record import Record, read_record
from pixmake.job.run import parse_job, run_job
from pixmake.project.try_image import run_words
from tests.conftest import Project

EACH = int(os.environ.get("PIXMAKE_TEST_PLANTED", "4"))
"""Planted changes of a kind: 8 at most, for which all that stands below is used."""

PICTURES = [f"a{number}" for number in range(EACH)]
"""Images that are other ones the second time; of the second half the old ones stay."""

ROWS = [f"m{number}" for number in range(EACH)]
"""Images whose row in the table is another one."""

OTHERS = ["c0", "c1"]

Planted = frozenset[str]
"""Kinds of what was changed of a number."""


@dataclass(frozen=True)
class Step:
    """A step, what its function is like in both runs, and what of it was changed."""

    name: str
    old: str
    """The function's body, in which ``K`` stands for its param."""
    new: str
    changed: Planted
    params: tuple[float, float] | None = None
    arguments: str = "image"
    keys: Mapping[str, Any] | None = None


def steps() -> list[Step]:
    """Steps of which one thing was changed, and steps of which two were."""
    mean = "float(image.mean())"
    found = [
        Step("plain", f"return {{'v': {mean}}}", f"return {{'v': {mean}}}", frozenset()),
        Step("dosed", *[f"return {{'v': {mean} * meta['dose']}}"] * 2, frozenset(), arguments="image, meta"),
        Step("still", *["return {'n': float(image.shape[0])}"] * 2, frozenset()),
    ]
    for number in range(EACH):
        by_param = _PARAM[number % len(_PARAM)]
        found.append(
            Step(f"param{number}", by_param, by_param, frozenset({"param"}), (1 + number, 2 + number))
        )
        old, new = _LINE[number]
        found.append(Step(f"line{number}", old, new, frozenset({"line"})))
        library = f"return {{'v': {mean} + tiny.f{number}(2.0)}}"
        found.append(Step(f"library{number}", library, library, frozenset({"library"})))
    for number, body in enumerate(_CHANCE):
        found.append(Step(f"chance{number}", body, body, frozenset({"chance"})))
    needs = {"needs_all": ["still"]}
    for number, body in enumerate(_ORDER):
        found.append(
            Step(f"order{number}", body, body, frozenset({"order"}), None, "image, measurements", needs)
        )
    for name, old, new, changed, params in _DOUBLES:
        found.append(Step(name, old, new, frozenset(changed), params))
    return found


_PARAM = [
    "return {'v': float(image.mean()) * K}",
    "return {'v': float((image > 40 + 5 * K).mean())}",
    "x = image[..., 0].astype(float) ** (1 / K)\n    return {'v': float(x.sum())}",
    "return {'v': float(np.round(image.mean() / K, 3))}",
]

_LINE = [
    ("return {'v': float(image.mean()) + 1}", "return {'v': float(image.mean()) + 2}"),
    (
        "return {'v': shared.offset() + float(image.mean())}",
        "return {'v': shared.offset() + float(image.mean())}",
    ),
    ("return {'v': LIMIT * float(image.mean())}", "return {'v': LIMIT * float(image.mean())}"),
    (
        "x = image > 60\n    return {'v': float(x.mean())}",
        "x = image > 65\n    return {'v': float(x.mean())}",
    ),
    ("return {'v': float(np.median(image))}", "return {'v': float(np.percentile(image, 40))}"),
    (
        "x = image.astype(float)\n    return {'v': float(x.max())}",
        "x = image.astype(float) * 2\n    # twice\n    return {'v': float(x.max())}",
    ),
    (
        "x = 0.0\n    for row in image:\n        x += float(row.mean())\n    return {'v': x}",
        "x = 0.0\n    for row in image[1:]:\n        x += float(row.mean())\n    return {'v': x}",
    ),
    (
        "x = image[..., 0]\n    return {'v': float(x.mean())}",
        "x = image[..., 0]\n    y = 2 * x.astype(float)\n    return {'v': float(y.mean())}",
    ),
]

_CHANCE = [
    "return {'v': random.SystemRandom().random()}",
    "return {'v': float(image.mean()) + np.random.default_rng().normal() / 9}",
    "x = np.random.default_rng()\n    return {'v': float(image.mean()) + x.random() / 9}",
    "return {'v': float(image.mean()) + uuid.uuid4().int % 99 / 1000}",
]

_ORDER = [
    "return {'v': float([row['id'] for row in measurements].index('c0'))}",
    "return {'v': float(sum(n * len(row['id'] + row['id'][:1] * (row['id'] == 'c1')) for n, row in enumerate(measurements)))}",
    "return {'first': measurements[0]['id']}",
    "return {'v': float(ord(measurements[-1]['id'][0]))}",
]

_DOUBLES = [
    ("pl0", "return {'v': float(image.mean()) * K}", "return {'v': float(image.mean()) * K + 7}", ("param", "line"), (2, 3)),
    ("pl1", "x = 3\n    return {'v': float(image.mean()) * x * K}", "x = 4\n    return {'v': float(image.mean()) * x * K}", ("param", "line"), (2, 3)),
    ("pl2", "return {'v': float(np.abs(image - 1.0 * K).mean())}", "return {'v': 2 * float(np.abs(image - 1.0 * K).mean())}", ("param", "line"), (50, 60)),
    ("pl3", "x = image[..., 0]\n    return {'v': float(x.mean()) - K}", "x = image[..., 1]\n    return {'v': float(x.mean()) - K}", ("param", "line"), (1, 9)),
    ("pb0", "return {'v': float(image.mean()) * K + tiny.f0(1.0)}", "return {'v': float(image.mean()) * K + tiny.f0(1.0)}", ("param", "library"), (2, 3)),
    ("pb1", "return {'v': tiny.f3(float(K))}", "return {'v': tiny.f3(float(K))}", ("param", "library"), (2, 5)),
    ("lb0", "return {'v': 1 + tiny.f1(2.0)}", "return {'v': 5 + tiny.f1(2.0)}", ("line", "library"), None),
    ("lb1", "return {'v': tiny.f2(2.0)}", "return {'v': tiny.f2(3.0)}", ("line", "library"), None),
    ("pc0", "return {'v': 50.0 * K + random.SystemRandom().random()}", "return {'v': 50.0 * K + random.SystemRandom().random()}", ("param", "chance"), (1, 2)),
    ("lc0", "return {'v': 50.0 + random.SystemRandom().random()}", "return {'v': 90.0 + random.SystemRandom().random()}", ("line", "chance"), None),
    ("bc0", "return {'v': 50 * tiny.f4(3.0) + random.SystemRandom().random()}", "return {'v': 50 * tiny.f4(3.0) + random.SystemRandom().random()}", ("library", "chance"), None),
    ("pl4", "x = K\n    return {'v': float(image.mean()) if x < 5 else 1.0}", "x = K + 1\n    return {'v': float(image.mean()) * x}", ("param", "line"), (1, 2)),
]  # fmt: skip


def write(project: Project, *, new: bool) -> None:
    """Write the project as it is for one of the two runs."""
    (project.folder / "images").mkdir(exist_ok=True)
    rows = []
    for number, name in enumerate([*PICTURES, *ROWS, *OTHERS]):
        other = new and name in PICTURES
        folder = "v2" if other and number >= EACH // 2 else "v1"
        project.draw(f"images/{folder}/{name}.png", level=20 + 7 * number + 3 * other)
        dose = number + 2 + (new and name in ROWS)
        rows.append({"path": f"{folder}/{name}.png", "name": name, "dose": dose})
    project.list_images(rows[::-1] if new else rows)
    limit = f"LIMIT = {3 if new else 2}\n"
    project.write("scripts/shared.py", f"def offset():\n    return {5 if new else 3}.0\n")
    for each in steps():
        text = "import random\nimport uuid\nimport numpy as np\n"
        text += "import shared\n" if "shared" in each.new else ""
        text += "import tiny\n" if "tiny" in each.new else ""
        text += limit if "LIMIT" in each.new else ""
        body = (each.new if new else each.old).replace("K", "k")
        text += "\n\ndef f(" + each.arguments + (", *, k" if each.params else "") + f"):\n    {body}\n"
        project.write(f"scripts/{each.name}.py", text)
    project.configure(
        images={"table": "config/images.csv", "root": "images", "id": "{name}"},
        steps={
            each.name: {
                "function": f"scripts/{each.name}.py:f",
                **({"params": {"k": each.params[new]}} if each.params else {}),
                **(each.keys or {}),
            }
            for each in steps()
        },
    )


def causes_of(step: Step, name: str) -> Planted:
    """What was changed of a number."""
    found = set(step.changed)
    if name in PICTURES and "image" in step.new and step.name != "still":
        found.add("image")
    if name in ROWS and "meta[" in step.new:
        found.add("metadata")
    return frozenset(found)


def interpreter(folder: Path, version: int) -> Path:
    """A Python of its own in which a version of the package `tiny` is installed, and all that is here."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    wheel = folder / f"tiny-{version}.0-py3-none-any.whl"
    bodies = (f"def f{n}(x):\n    return x * {n + 2} + {version * (n + 1)}\n" for n in range(8))
    info = f"tiny-{version}.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as content:
        content.writestr("tiny.py", "\n".join(bodies))
        content.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}.0\n")
        content.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        content.writestr(f"{info}/RECORD", "")
    python = folder / "bin" / "python"
    words = ["--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], check=True)
    return python


def forked(words: list[str], threads: int) -> Record:
    """Run a job by its words, in a fork of this process if it is for this Python: that starts in no time."""
    if words[2] != sys.executable:
        return run_words(words, threads)
    for path in words[4:6]:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            sys.stderr = sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            status = run_job(parse_job(words), threads=threads)
        finally:
            os._exit(status)
    os.waitpid(child, 0)
    return read_record(words[5])


def kinds(things: Iterable[Any]) -> Planted:
    """The kinds of some causes."""
    return frozenset(key.kind for cause in things for key in cause.keys)
