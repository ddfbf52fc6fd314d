"""Packages that add to pixmake, in whole runs: they come with every job, and a faulty one is named."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import struct
import sys
from typing import Any

import pytest
from tests.conftest import Project
from tests.plugins import install, install_from_source

KIND = '''\
"""Counts pixels below a level: frost is dark in infrared."""

from pixmake.base.errors import Problem

READS = "decoded"
RUNNER = "frost.run"
KEYS = ("axes", "python")


def check(config, name):
    if not config.steps[name].runs.isdigit():
        yield Problem(f"{config.steps[name].runs!r} is no level", f"steps.{name}.frost", "a number, e.g. 90")


def check_images(step, name, groups):
    return iter(())


def work(step):
    return {"level": int(step.runs), **({"axes": step.axes} if step.axes else {})}


def source(step):
    return ""
'''
RUN = '''\
"""The work of a step of kind frost."""

from pixmake.images.read import read_image
from pixmake.job.runners import Outcome
from pixmake.job.runners.measurements import measured


def run(call):
    image = read_image(call.images[0], call.parts[0], call.axes)
    if image.max() > 250:
        raise ValueError("the sun was in the picture")
    return Outcome({"frost": measured("frost", int((image < call.task.work["level"]).sum()))})
'''
CONFIG = {
    "images": {"table": "config/images.csv", "root": "images"},
    "steps": {"cold": {"frost": "90", "axes": "yx"}},
    "aggregate": {"report": False},
    "max_failures": 1,
}
FILES = {"frost/__init__.py": "", "frost/kind.py": KIND, "frost/run.py": RUN}


@pytest.fixture
def field(project: Project) -> Project:
    """A project whose step is of a kind that a package adds; the package is on Python's path."""
    install(project.folder / "site", "field-kinds", {"kinds.frost": "frost.kind"}, FILES)
    for name, level in (("a", 80), ("b", 100), ("sun", 240)):
        project.draw(f"images/{name}.png", level, (24, 32))
    project.list_images([{"path": f"{name}.png"} for name in ("a", "b", "sun")])
    project.configure(**CONFIG)
    return project


def environment(project: Project) -> dict[str, str]:
    return {"PYTHONPATH": str(project.folder / "site"), "XDG_CACHE_HOME": str(project.folder / "cache")}


def test_a_kind_of_step_of_a_package(field: Project) -> None:
    """It is checked, runs in each job from its copy, fails alone, and stands in the record."""
    told = environment(field)
    checked = field.pixmake("check", environment=told)
    assert checked.code == 0, checked.err
    ended = field.snakemake(environment=told)
    assert ended.code == 0, ended.err
    rows = {row["id"]: row["frost"] for row in field.rows()}
    assert int(rows["a"]) > 0 and rows["b"] == "0" and len(rows) == 2
    (failed,) = field.rows("failures.csv")
    assert (failed["id"], failed["message"]) == ("sun", "the sun was in the picture")
    again = field.snakemake("-n", environment=told)
    assert "1 × cold: failed before" in again.out, again.out


def test_an_interpreter_without_the_package(field: Project) -> None:
    """A job works from the copy that the run began with, in whatever Python its step names."""
    text = f'#!/bin/sh\nunset PYTHONPATH\nexec "{sys.executable}" "$@"\n'
    field.write("bin/python", text).chmod(0o755)
    field.configure(**{**CONFIG, "steps": {"cold": {"frost": "90", "axes": "yx", "python": "bin/python"}}})
    ended = field.snakemake(environment=environment(field))
    assert ended.code == 0, ended.err
    assert [row["id"] for row in field.rows() if row["frost"]] == ["a", "b"], field.rows("failures.csv")


@pytest.mark.parametrize(
    ("step", "package", "expected"),
    [
        ({"frost": "much"}, KIND, "steps.cold.frost: 'much' is no level (a number, e.g. 90)"),
        ({"frost": "90", "program": "x"}, KIND, "program has no meaning for a step of kind frost"),
        ({"frots": "90"}, KIND, "unknown key steps.cold.frots (did you mean 'frost'?)"),
        (
            {"frost": "90"},
            "import away\n",
            "steps.cold, field-kinds 1.0 (kind of step frost): cannot be used: importing frost.kind failed: "
            "ModuleNotFoundError: No module named 'away' (mend or uninstall it: pip uninstall field-kinds)",
        ),
        ({"frost": "90"}, "def (\n", "importing frost.kind failed: SyntaxError"),
        (
            {"frost": "90"},
            KIND.replace(".isdigit()", ".digits()"),
            "cannot be used: AttributeError: 'str' object has no attribute 'digits'",
        ),
        (
            {"cellprofiler": "a.cppipe"},
            KIND,
            "unknown key steps.cold.cellprofiler (install it with: pip install pixmake-cellprofiler)",
        ),
    ],
)
def test_what_is_wrong_is_told(step: dict[str, str], package: str, expected: str, field: Project) -> None:
    """With the package's name where it is the package's fault, and what to install where nothing is there."""
    (field.folder / "site/frost/kind.py").write_text(package)
    field.configure(**{**CONFIG, "steps": {"cold": step}})
    checked = field.pixmake("check", environment=environment(field))
    assert checked.code == 1
    assert expected in checked.err and "Traceback" not in checked.err, checked.err


def test_a_faulty_package_that_nobody_asks_for(field: Project) -> None:
    """The rest goes on."""
    files = {"bad.py": "1 / 0\n"}
    points = {"kinds.bad": "bad"}
    install(field.folder / "site", "bad", points, files)
    ended = field.snakemake(environment=environment(field))
    assert ended.code == 0, ended.err


def thermograms(project: Project) -> None:
    """A flight of a drone: a log, and a thermogram of each picture."""
    install_from_source(project.folder / "site", "pixmake-thermography")
    for name, kelvin in (("a", 290.15), ("b", 300.15), ("c", 280.15)):
        pixels = struct.pack("<H", round(kelvin * 100)) * 12
        project.write(f"flight/{name}.thm", struct.pack("<8sII", b"THERMOG1", 3, 4) + pixels)
    project.write("flight/log.csv", "file,altitude\na.thm,12\nb.thm,13\nc.thm,0.3\n")
    project.configure(
        images={"flight_log": {"path": "flight/log.csv", "lowest": 2}},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        aggregate={"report": False},
    )


def test_a_source_and_a_format_of_a_package(project: Project) -> None:
    """They are as pixmake's own, also in an interpreter that has not got the package."""
    thermograms(project)
    text = f'#!/bin/sh\nunset PYTHONPATH\nexec "{sys.executable}" "$@"\n'
    project.write("bin/python", text).chmod(0o755)
    steps = {"measure": {"function": "scripts/analysis.py:measure", "python": "bin/python"}}
    images = {"flight_log": {"path": "flight/log.csv", "lowest": 2}}
    project.configure(images=images, steps=steps, aggregate={"report": False})
    checked = project.pixmake("check", environment=environment(project))
    assert "1 × taken below 2 m (first: flight/log.csv, line 4)" in checked.out, checked.out + checked.err
    ended = project.snakemake(environment=environment(project))
    assert ended.code == 0, ended.err
    assert [(row["id"], round(float(row["mean"]), 3)) for row in project.rows()] == [("a", 17), ("b", 27)]


@pytest.mark.parametrize(
    ("source", "old", "new", "expected"),
    [
        ({"path": "away.csv"}, "", "", "away.csv: "),
        (
            {"path": "flight/log.csv", "lwest": 2},
            "",
            "",
            "images.flight_log: unknown key lwest (did you mean 'lowest'?)",
        ),
        ({}, "", "", "images.flight_log: the key path is missing"),
        ("flight/log.csv", "import csv", "import away", "importing pixmake_thermography.flight_log failed"),
        (
            "flight/log.csv",
            "return make_table(",
            "return rows.mean(",
            "(source flight_log): cannot be used: reading failed: AttributeError",
        ),
        (
            "flight/log.csv",
            'PACKAGES = ("numpy",)',
            'PACKAGES = ("thermolib=thermal-library",)',
            "a.thm: is thermogram; reading it needs the package thermal-library, which ",
        ),
    ],
)
def test_what_is_wrong_with_a_source_or_format(
    source: Any, old: str, new: str, expected: str, project: Project
) -> None:
    """The user's mistakes are told as those of pixmake's own; a package's with its name."""
    thermograms(project)
    site = project.folder / "site/pixmake_thermography"
    copy = shutil.copytree(site, project.folder / "copy")
    site.unlink()
    copy.rename(site)
    for file in site.glob("*.py"):
        text = file.read_text()
        file.write_text(text.replace(old, new) if old else text)
    steps = {"measure": {"function": "scripts/analysis.py:measure"}}
    project.configure(images={"flight_log": source}, steps=steps)
    checked = project.pixmake("check", environment=environment(project))
    assert checked.code == 1
    assert expected in checked.err and "Traceback" not in checked.err, checked.err


def test_a_faulty_format_is_in_nobodys_way(small: Project) -> None:
    """Other images are read; check names the package."""
    files = {"bad.py": "1 / 0\n", "odd.py": ODD}
    install(small.folder / "site", "bad", {"formats.bad": "bad", "formats.odd": "odd"}, files)
    checked = small.pixmake("check", environment=environment(small))
    assert checked.code == 0, checked.err
    told = "bad 1.0 (format bad): cannot be used: importing bad failed: ZeroDivisionError: division by zero"
    assert told in checked.out, checked.out
    ended = small.snakemake("results/measurements.csv", environment=environment(small))
    assert ended.code == 0, ended.err
    assert len(small.rows()) == 4


ODD = """\
NAME, SUFFIXES, SEARCHED, EXTRA, PACKAGES, SEVERAL = "odd", ("odd",), True, "", (), False


def recognises(head, path):
    return head.away


def scenes(path):
    return []


def pixels(path, scene, level, region):
    return None
"""


VIEW = """\
from pathlib import Path
from pixmake.results.report.views import View


def worst(content):
    return {"darkest": min(map(str, content.levels[0].ids))}


def away(content):
    return content.away


VIEW = View("Darkest", Path(__file__).with_name("darkest.js"), data=worst)
AWAY = View("Away", Path(__file__).with_name("darkest.js"), data=away)
"""
EXPORT = """\
SUMMARY, OUTPUT = "Write the ids.", "ids.txt"


def add_options(command):
    command.add_argument("--upper", action="store_true")


def write(config, target, arguments):
    ids = [line.split(",")[0] for line in open(f"{config.results}/measurements.csv")][1:]
    target.write_text("\\n".join(each.upper() if arguments.upper else each for each in ids))
    yield f"wrote {target}"
"""


def test_an_export_and_a_view_of_a_package(small: Project) -> None:
    """They are listed, written and shown; faulty ones are named where they would be, and the rest goes on."""
    files = {
        "shown.py": VIEW,
        "darkest.js": "addView('darkest', (view, given) => view.append(given.darkest)); // </script>\n",
        "ids.py": EXPORT,
        "bad.py": "1 / 0\n",
    }
    points = {
        **{
            "page.darkest": "shown:VIEW",
            "page.away": "shown:AWAY",
            "page.bad": "bad",
            "page.plots": "shown:VIEW",
        },
        **{"exports.plain_ids": "ids", "exports.bad_ids": "bad", "exports.omero_csv": "ids"},
    }
    install(small.folder / "site", "more", points, files)
    told = environment(small)
    ended = small.snakemake(environment=told)
    assert ended.code == 0, ended.err
    page = (small.folder / "results/report.html").read_text()
    assert 'id="view-darkest"' in page and "view.append(given.darkest)); // <\\/script>" in page
    data = json.loads(gzip.decompress(base64.b64decode(page.partition('id="data">')[2].partition("<")[0])))
    views = {view["name"]: view for view in data["views"]}
    own = ["overview", "failures", "images", "table", "growth", "plates", "plots", "quality"]
    assert list(views)[:8] == own and list(views)[-1] == "run"
    assert set(views) - {*own, "run"} == {"away", "bad", "darkest"}
    assert (views["darkest"]["data"], views["darkest"]["error"]) == ({"darkest": "p0"}, "")
    assert "more 1.0 (view of the page away): cannot be used: AttributeError" in views["away"]["error"]
    assert "importing bad failed: ZeroDivisionError" in views["bad"]["error"]
    log = (small.folder / "logs/report.log").read_text()
    assert "more 1.0 (view of the page bad): cannot be used" in log

    checked = small.pixmake("check", environment=told)
    assert checked.code == 0
    for line in (
        "more 1.0 (view of the page bad): cannot be used: importing bad failed",
        "more 1.0 (view of the page plots): cannot be used: 'plots' is a name of pixmake's own",
        "more 1.0 (export omero_csv): cannot be used: 'omero_csv' is a name of pixmake's own",
    ):
        assert line in checked.out, checked.out
    assert "export plain_ids" in " ".join(small.pixmake("--help", environment=told).out.split())
    listed = " ".join(small.pixmake("export", "--help", environment=told).out.split())
    assert "plain-ids Write the ids." in listed and "importing bad failed" in listed
    exported = small.pixmake("export", "plain-ids", "--upper", environment=told)
    assert (exported.code, exported.out) == (0, "wrote ids.txt\n"), exported.err
    assert (small.folder / "ids.txt").read_text().split() == ["P0", "P1", "P2", "P3"]
    assert "ids.txt: is there already" in small.pixmake("export", "plain-ids", environment=told).err
    refused = small.pixmake("export", "bad-ids", environment=told)
    assert (refused.code, "Traceback" in refused.err) == (1, False)
    assert "more 1.0 (export bad_ids): cannot be used: importing bad failed" in refused.err
    assert "invalid choice: 'away' (choose from" in small.pixmake("export", "away", environment=told).err

    # the page is made anew where a view comes or goes
    assert "Nothing to be done" in small.snakemake(environment=told).err
    gone = small.snakemake()
    assert "to run: 1 × report" in gone.err, gone.err
    assert "view-darkest" not in (small.folder / "results/report.html").read_text()
