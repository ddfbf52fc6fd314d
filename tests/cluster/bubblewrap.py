"""A stand-in for `apptainer` that really changes the root: by bubblewrap, which needs no image and no daemon.

Inside there are the system's programs, the image's own file and the working directory; as with apptainer the
environment is that of outside but for `PATH`. Neither the repository nor the Python of the tests is there.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.cluster import processes

APPTAINER = """\
#!{python}
import os, sys

words = sys.argv[1:]
if words == ["--version"]:
    print("apptainer version 1.3.4")
    sys.exit()
assert words[0] == "exec" and words[-3:-1] == ["bash", "-c"], words
image = os.path.abspath(next(word for word in words if word.endswith(".sif")))
here = os.getcwd()
root = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/etc"]
for name in ("bin", "sbin", "lib", "lib64"):
    root += ["--symlink", "usr/" + name, "/" + name]
root += ["--ro-bind", image, "/etc/image", "--bind", here, here, "--chdir", here]
root += ["--setenv", "PATH", "/usr/bin:/bin", "--die-with-parent"]
os.execvp("bwrap", ["bwrap", *root, "bash", "-c", words[-1]])
"""


def installed() -> bool:
    """Whether the program is there."""
    return shutil.which("bwrap") is not None


def install() -> None:
    """Install Debian's package."""
    processes.install(("bubblewrap",))


def apptainer(folder: Path) -> Path:
    """The folder of the stand-in, for `PATH`."""
    folder.mkdir(parents=True)
    program = folder / "apptainer"
    program.write_text(APPTAINER.format(python=sys.executable))
    program.chmod(0o755)
    return folder
