"""What the warm process does once, so that the images' processes need not, and what it leaves to each."""

from __future__ import annotations

import pytest
from tests.conftest import Project

ANALYSIS = """\
import sys

ALREADY = "xml.dom.minidom" in sys.modules

import colorsys
import tally
import xml.dom.minidom


def measure(image):
    return {"imported_before": ALREADY, "whose": colorsys.WHOSE, "nth": tally.count()}
"""

TALLY = """\
seen = []


def count():
    seen.append(1)
    return len(seen)
"""


def test_what_is_installed_is_there_for_the_first_image(small: Project) -> None:
    """What lies beside the analysis is imported by each image anew, also if it is called like what is not."""
    small.write("scripts/analysis.py", ANALYSIS)
    small.write("scripts/colorsys.py", 'WHOSE = "the project\'s"\n')
    small.write("scripts/tally.py", TALLY)
    small.list_images([{"path": f"p{number}.png"} for number in range(3)])
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
    )
    assert small.snakemake().code == 0
    found = [small.record("measure", f"p{number}")["measurements"] for number in range(3)]
    assert [each["imported_before"]["value"] for each in found] == [True] * 3
    assert {each["whose"]["value"] for each in found} == {"the project's"}
    assert [each["nth"]["value"] for each in found] == [1] * 3


def test_what_cannot_be_imported_is_the_images_failure(small: Project) -> None:
    """Not the warm process's: each image has a record that says it."""
    small.write("scripts/analysis.py", "import antigravity_of_mine\n\n\ndef measure(image):\n    return {}\n")
    small.list_images([{"path": "p0.png"}, {"path": "p1.png"}])
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
    )
    assert small.snakemake().code == 1
    for number in range(2):
        record = small.record("measure", f"p{number}")
        assert record["error"]["type"] == "ModuleNotFoundError"
        assert record["run"]["warm"]


@pytest.mark.slow
def test_libraries_keep_the_variables_that_they_set(small: Project) -> None:
    """Whatever a job's own environment is, as in a process that imports by itself (OpenCV sets one)."""
    analysis = (
        "import os\n\n\ndef measure(image):\n    return {'libraries': os.environ.get('LD_LIBRARY_PATH')}\n"
    )
    small.write("scripts/analysis.py", analysis)
    small.list_images([{"path": f"p{number}.png"} for number in range(4)])
    step = {"function": "scripts/analysis.py:measure"}
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        # another folder for temporary files is another environment
        steps={"first": step, "second": {**step, "resources": {"tmpdir": "elsewhere"}}},
    )
    found = []
    for environment in ({}, {"PIXMAKE_WARM": "0"}):
        assert small.snakemake("--forceall", environment=environment).code == 0
        found += [
            small.record(step, f"p{number}")["measurements"]["libraries"]["value"]
            for step in ("first", "second")
            for number in range(4)
        ]
    assert len(set(found)) == 1
    assert "cv2" in found[0]


def test_what_an_image_imports_late_the_next_ones_have(small: Project) -> None:
    """Also in a second step, and after an image that failed before it came to that."""
    late = (
        "import sys\n\n\ndef measure(image, path):\n"
        "    if 'p0' in path:\n        raise ValueError('not this one')\n"
        "    already = 'xml.dom.minidom' in sys.modules\n    import xml.dom.minidom\n\n"
        "    return {'already': already, 'rehearsed': 'pixmake.job.rehearsal' in sys.modules}\n"
    )
    small.write("scripts/late.py", late)
    small.write("scripts/plain.py", "def measure(image):\n    return {}\n")
    small.list_images([{"path": f"p{number}.png"} for number in range(4)])
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "plain": {"function": "scripts/plain.py:measure"},
            "late": {"function": "scripts/late.py:measure", "needs": ["plain"]},
        },
    )
    assert small.snakemake("--cores", "1").code == 1
    records = [small.record("late", f"p{number}") for number in range(4)]
    assert [each["status"] for each in records] == ["failed", "ok", "ok", "ok"]
    found = [each["measurements"] for each in records if each["status"] == "ok"]
    assert sorted(each["already"]["value"] for each in found) == [False, True, True]
    assert all(each["rehearsed"]["value"] for each in found)


def test_each_step_has_its_own_folder_for_temporary_files(small: Project) -> None:
    """Also in a warm process that has looked for one before, for another step."""
    small.write(
        "scripts/folder.py",
        "import tempfile\n\n\ndef measure(image):\n    return {'folder': tempfile.gettempdir()}\n",
    )
    small.list_images([{"path": f"p{number}.png"} for number in range(2)])
    folders = {name: small.folder / name for name in ("one", "two")}
    for folder in folders.values():
        folder.mkdir()
    step = {"function": "scripts/folder.py:measure"}
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={name: {**step, "resources": {"tmpdir": str(folder)}} for name, folder in folders.items()},
    )
    assert small.snakemake().code == 0
    for name, folder in folders.items():
        for number in range(2):
            found = small.record(name, f"p{number}")["measurements"]["folder"]["value"]
            assert found == str(folder)


def test_an_analysis_may_go_to_another_folder(small: Project) -> None:
    """The paths of its record and its files are those of the project all the same."""
    small.write(
        "scripts/away.py",
        "import os\n\n\ndef measure(image, path):\n    os.chdir('/tmp')\n"
        "    if 'p1' in path:\n        raise ValueError('not this one')\n    return {'mask': image}\n",
    )
    small.list_images([{"path": f"p{number}.png"} for number in range(2)])
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/away.py:measure", "files": {"mask": "png"}}},
    )
    assert small.snakemake().code == 1
    assert (small.folder / "results/measure/p0.mask.png").stat().st_size
    assert small.record("measure", "p1")["error"]["type"] == "ValueError"
