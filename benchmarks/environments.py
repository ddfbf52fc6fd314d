"""A virtual environment for each contestant, made once with pip and kept.

They lie below ``benchmarks/.venvs``, or where ``PIXMAKE_BENCH_VENVS`` says.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
FOLDER = Path(os.environ.get("PIXMAKE_BENCH_VENVS", Path(__file__).parent / ".venvs"))

SAME = tuple(f"{name}=={version(name)}" for name in ("numpy", "opencv-python-headless"))
"""What reads an image, in the same version for all who choose for themselves."""

SNAKEMAKE = f"snakemake=={version('snakemake')}"


_USED: set[Path] = set()


def used() -> list[Path]:
    """The folders of the environments that this process has asked for."""
    return sorted(_USED)


@functools.cache
def environment(name: str, *requirements: str) -> Path:
    """The Python of an environment with these requirements, and their dependencies, as pip chooses them.

    Parameters
    ----------
    name
        Of the environment's folder.
    requirements
        As for ``pip install``, options too (``--pre``). If they change, the environment is made again.
    """
    folder = FOLDER / name
    _USED.add(folder)
    python, done = folder / "bin" / "python", folder / "requirements"
    wanted = "\n".join((sys.version, *requirements))
    if done.exists() and done.read_text() == wanted:
        return python
    print(f"Installing {' '.join(requirements)} into {folder}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done_well = subprocess.run(
        [*pip, *requirements], check=False, env=kept, stderr=subprocess.PIPE, text=True
    )
    if done_well.returncode:
        raise RuntimeError(f"pip could not install {' '.join(requirements)}:\n{done_well.stderr[-4000:]}")
    # a package without bytecode takes several times as long to import
    words = [python, "-m", "compileall", "-q", folder / "lib"]
    subprocess.run(words, check=False, env=kept, stdout=subprocess.DEVNULL)
    done.write_text(wanted)
    return python


def ours() -> Path:
    """The Python of an environment with pixmake as it stands here, and nothing that it does not ask for."""
    return environment("pixmake", "-e", str(REPOSITORY), SNAKEMAKE, *SAME)


@functools.cache
def versions(python: Path, *packages: str) -> Mapping[str, str]:
    """The versions of packages in an environment, and of its Python."""
    code = (
        "import json, platform, sys; from importlib.metadata import version;"
        "print(json.dumps({'Python': platform.python_version()} | {n: version(n) for n in sys.argv[1:]}))"
    )
    done = subprocess.run([python, "-c", code, *packages], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))
