"""What `models.py --device` measures: one network over images, on a GPU or the CPU, with what is installed.

A plain loop, a step with `load`, and one with `batch`, by the Python that runs this and its PyTorch or ONNX
Runtime. It ends within five minutes; nothing of it is kept.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from environments import REPOSITORY

sys.path.insert(0, str(REPOSITORY))
from tests.networks import write_network

from pixmake.job import gpus

SECONDS = 290
SIZE, BATCH = 512, 8
COUNTS = {"cuda": 64, "cpu": 12}
"""Images, by the device."""

TORCH = """\
import numpy as np
import torch


def load_model(device, threads):
    torch.manual_seed(1)
    torch.set_num_threads(threads)
    rest = [torch.nn.Conv2d(32, 32, 3, padding=1) for _ in range(15)]
    return torch.nn.Sequential(torch.nn.Conv2d(1, 32, 3, padding=1), *rest).eval().to(device)


def apply(images, model):
    with torch.inference_mode():
        taken = torch.from_numpy(np.stack(images)[:, None].astype(np.float32) / 255)
        made = model(taken.to(next(model.parameters()).device))
        return made.mean(dim=(1, 2, 3)).cpu().tolist()
"""

ONNXRUNTIME = """\
import numpy as np
import onnxruntime


def load_model(device, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
    session = onnxruntime.InferenceSession("net.onnx", options, providers=[provider])
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"ONNX Runtime works without {provider}")
    return session


def apply(images, model):
    taken = np.stack(images)[:, None].astype(np.float32) / 255
    return [float(each.mean()) for each in model.run(None, {"image": taken})[0]]
"""

STEPS = """

def measure(image, model):
    return {"value": apply([image], model)[0]}


def together(batch, model):
    return [{"value": value} for value in apply(batch, model)]
"""

LOOP = """\
import sys
from pathlib import Path

import cv2

sys.path.insert(0, "scripts")
import work

model = work.load_model(sys.argv[1], int(sys.argv[2]))
for path in sorted(Path("images").glob("*.png")):
    print(path.name, work.apply([cv2.imread(str(path), cv2.IMREAD_UNCHANGED)], model)[0])
"""


def main(words: Sequence[str]) -> int:
    """Measure, or say why that cannot be: the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=sorted(COUNTS), required=True)
    given = parser.parse_args(words)
    device: str = given.device
    there = gpus.devices()
    if device == "cuda" and not there:
        print(
            "No GPU can be seen here, so nothing is measured: neither the driver lists one, nor nvidia-smi."
        )
        return 1
    library, said = _library(device)
    for line in said:
        print(line)
    if not library:
        print(f"No library that is installed here works on {device}: pip install torch, or onnxruntime-gpu")
        return 1
    print(f"With {library} on {device}, {len(there)} GPU(s), {os.cpu_count()} cores:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder), library, device)


def _library(device: str) -> tuple[str, list[str]]:
    """What works on a device, the first that does, and what is to be said of each."""
    found, said = "", []
    for name in ("torch", "onnxruntime"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            said.append(f"{name}: not installed")
            continue
        works = device == "cpu" or (
            module.cuda.is_available()
            if name == "torch"
            else "CUDAExecutionProvider" in module.get_available_providers()
        )
        said.append(f"{name} {module.__version__}: {'works' if works else 'does not work'} on {device}")
        found = found or (name if works else "")
    return found, said


def _measure(folder: Path, library: str, device: str) -> int:
    """Run the three ways in turn: a line each."""
    end, count = time.monotonic() + SECONDS, COUNTS[device]
    _set_up(folder, library, count)
    threads = str(os.cpu_count() if device == "cpu" else 1)
    snakemake = [sys.executable, "-m", "snakemake", "--cores", threads, "--quiet"]
    ways: dict[str, tuple[list[str], dict[str, Any]]] = {
        "a plain loop": ([sys.executable, "loop.py", device, threads], {}),
        "pixmake": (snakemake, {"function": "scripts/work.py:measure"}),
        f"pixmake, batch: {BATCH}": (snakemake, {"function": "scripts/work.py:together", "batch": BATCH}),
    }
    for name, (words, step) in ways.items():
        if step:
            _configure(folder, device, {**step, "threads": int(threads)})
        begun = time.monotonic()
        try:
            left = max(1.0, end - begun)
            done = subprocess.run(
                words, cwd=folder, capture_output=True, text=True, timeout=left, check=False
            )
        except subprocess.TimeoutExpired:
            print(f"{name}: given up, as the five minutes are over")
            return 1
        if done.returncode:
            print(f"{name}: failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            return 1
        seconds = time.monotonic() - begun
        print(f"{name}: {seconds:.1f} s, {count / seconds:.1f} images/s{_facts(folder, step)}", flush=True)
    return 0


def _facts(folder: Path, step: dict[str, Any]) -> str:
    """What the records say of the device, and how many images were worked on together."""
    if not step:
        return ""
    runs = [json.loads(path.read_bytes())["run"] for path in (folder / "results/measure").glob("*.json")]
    said = {key: max((run.get(key) or 0 for run in runs), default=0) for key in ("gpu_mb", "batch")}
    words = [*{run["device"] for run in runs if "device" in run}]
    words += [f"{said['gpu_mb']} MB of the GPU"] if said["gpu_mb"] else []
    words += [f"up to {said['batch']} together"] if said["batch"] else []
    return f" ({', '.join(words)})" if words else ""


def _set_up(folder: Path, library: str, count: int) -> None:
    """A project with images, the network, and the plain loop."""
    for name in ("images", "scripts", "config"):
        (folder / name).mkdir()
    shutil.copy(REPOSITORY / "Snakefile", folder)
    shutil.copytree(REPOSITORY / "profiles/default", folder / "profiles/default")
    rng = np.random.default_rng(1)
    names = [f"i{number:03}.png" for number in range(count)]
    for name in names:
        cv2.imwrite(str(folder / "images" / name), rng.integers(0, 256, (SIZE, SIZE), np.uint8))
    (folder / "config/images.csv").write_text("\n".join(["path", *names]) + "\n")
    (folder / "scripts/work.py").write_text((TORCH if library == "torch" else ONNXRUNTIME) + STEPS)
    (folder / "loop.py").write_text(LOOP)
    if library == "onnxruntime":
        weights = np.zeros((32, 1, 3, 3), np.float32)
        weights[:, 0, 1, 1] = 1
        write_network(folder / "net.onnx", weights, repeats=15, several=True)


def _configure(folder: Path, device: str, step: dict[str, Any]) -> None:
    shutil.rmtree(folder / "results", ignore_errors=True)
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    gpu = {"executor": "gpu"} if device == "cuda" else {}
    load = {"load": {"model": "scripts/work.py:load_model"}, "load_in": "process"}
    config = {
        "images": {"table": "config/images.csv", "root": "images"},
        "executors": {"gpu": {"gpu": 1}},
        "steps": {"measure": {**step, **load, **gpu}},
        "aggregate": {"report": False},
    }
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
