"""What the warm process practises before its first fork."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pixmake.base.installed import WORKFLOW

REHEARSE = """\
import dis, json, os, sys, tempfile

sys.path.insert(0, sys.argv[1])
import cv2, numpy
from pixmake.images import read as images
from pixmake.job import run as job
from pixmake.job import rehearsal

def rewritten(function):
    return any(each.opname not in dis.opmap for each in dis.get_instructions(function, adaptive=True))

path, before = list(sys.path), rewritten(images._decoded)
rehearsal.rehearse()
print(json.dumps({
    "before": before,
    "after": [rewritten(each) for each in (images._decoded, job.origin, job.finished)],
    "path": sys.path == path,
    "modules": [name for name in sys.modules if name.endswith("pixmake_rehearsal")],
    "left": os.listdir(tempfile.gettempdir()),
}))
"""


def test_python_has_rewritten_what_an_image_needs_and_nothing_else_is_left(tmp_path: Path) -> None:
    """A fork then runs code that fits, and writes less into the memory that it shares."""
    done = subprocess.run(
        [sys.executable, "-c", REHEARSE, str(WORKFLOW)],
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "before": False,
        "after": [True, True, True],
        "path": True,
        "modules": [],
        "left": [],
    }
