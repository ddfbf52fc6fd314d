"""Trials of faults, each made by a seed: ``python -m tests.faults.trials --trials 200``.

A run is disturbed once, at a random moment, and goes on afterwards. Then tables and masks are those of an
undisturbed run, byte for byte, the run's last lines count all images, nothing of the first run is there after
three seconds, and of what was finished no more is done again than there are cores.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults.project import CORES, IMAGES, command, done, make_project, outcome, records, run

VICTIMS = ("snakemake", "group", "pixmake run", "warm process", "job", "outcome")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OTHERS = ("full disk", "clock", "edits")
JOBS = 2 * IMAGES + 6
OUTCOMES = ("records", "aggregate", "summarise", "page", "provenance")

LEFT_SECONDS = 3.0
"""After so long nothing of a run that has ended is there."""
END_SECONDS = 5.0
"""A run that is told to end has ended after so long."""
DISK = 20 * 1024 * 1024
PATIENCE = 300.0
"""Seconds of a run after which it hangs."""


@dataclass(frozen=True)
class Trial:
    """One fault, and when it comes."""

    seed: int
    fault: str
    """Of `VICTIMS` or of `OTHERS`."""
    signal: signal.Signals
    entry: str
    """What was started: ``snakemake`` or ``pixmake run``."""
    moment: int
    """When so many records are there; below 0 so many tenths of a second after the start."""
    process: str
    """Which of the processes that make tables, if it is one of these."""

    def __str__(self) -> str:
        by = f" by {self.signal.name}" if self.fault in VICTIMS else ""
        when = (
            f"after {self.moment} records"
            if self.moment >= 0
            else f"{-self.moment / 10:.1f} s after the start"
        )
        what = f"outcome process {self.process}" if self.fault == "outcome" else self.fault
        return f"{self.seed}: {what}{by}, {'' if self.fault == 'outcome' else when + ', '}{self.entry}"


def trial(seed: int) -> Trial:
    """The trial that a seed makes."""
    chance = random.Random(seed)
    # three times of four somebody dies
    fault = chance.choice(VICTIMS if chance.random() < 0.75 else OTHERS)
    entry = "pixmake run" if fault == "pixmake run" or chance.random() < 0.5 else "snakemake"
    early = fault in ("snakemake", "group", "pixmake run") and chance.random() < 0.15
    moment = -chance.randrange(1, 30) if early else chance.randrange(0, JOBS)
    return Trial(seed, fault, chance.choice(SIGNALS), entry, moment, chance.choice(OUTCOMES))


def play(trial: Trial, folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Disturb a run, go on, and look.

    Returns
    -------
    list of str
        What is not as it ought to be.
    """
    with _place(trial, folder):
        return list(_play(trial, folder, expected))


def _play(trial: Trial, folder: Path, expected: Mapping[str, str]) -> Iterator[str]:
    make_project(folder, page=trial.process == "page" or trial.seed % 4 == 0)
    if trial.fault == "clock":
        _date_ahead(folder, trial)
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # so a shell starts what it leaves in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    log = (folder.parent / f"{folder.name}.log").open("wb")
    started = subprocess.Popen(
        command(trial.entry), cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    owner = _disturb(trial, folder, started)
    told = time.monotonic()
    try:
        started.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        yield f"the run did not end within {PATIENCE:g} s"
        return
    finally:
        log.close()
    took = time.monotonic() - told
    ends = trial.fault in ("snakemake", "group", "pixmake run") and owner is not None
    if ends and trial.signal != signal.SIGKILL and took > END_SECONDS:
        yield f"it took {took:.1f} s to end"
    if ends and "Traceback" in _text(folder) and trial.entry == "pixmake run":
        yield "a traceback"
    if left := _left(folder, owner):
        yield f"left behind: {left}"
    if trial.fault == "full disk":
        (folder / "filler").unlink(missing_ok=True)
    before = done(folder)
    again = run(folder)
    if again.returncode:
        yield f"going on ended with status {again.returncode}: {again.stderr[-600:]}"
        return
    if f"{IMAGES} of {IMAGES} images done" not in again.stderr and "Nothing to be done" not in again.stderr:
        yield f"the sum is not told: {again.stderr[-600:]}"
    if trial.fault == "clock" and "Nothing to be done" not in again.stderr:
        yield f"the run did not end what it began: {again.stderr[-600:]}"
    found = outcome(folder)
    if found != expected:
        names = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        yield f"not as in an undisturbed run: {', '.join(names)}"
    now = done(folder)
    twice = [job for job, begun in before.items() if now.get(job) != begun]
    if len(twice) > CORES:
        yield f"{len(twice)} jobs were done twice: {', '.join(twice)}"


def _disturb(trial: Trial, folder: Path, started: subprocess.Popen[bytes]) -> int | None:
    """Wait for the moment, and do it; the process number of Snakemake, if it ran then."""
    end = time.monotonic() + PATIENCE
    if trial.moment < 0:
        time.sleep(-trial.moment / 10)
    else:
        wanted = 0 if trial.fault == "outcome" else trial.moment
        while started.poll() is None and len(records(folder)) < wanted and time.monotonic() < end:
            time.sleep(0.003)
    snakemake = _snakemake(started)
    if trial.fault == "full disk":
        _fill(folder)
    elif trial.fault == "edits":
        _edit(folder, trial)
    elif trial.fault in VICTIMS:
        _kill(trial, folder, started, snakemake)
    return snakemake.pid if snakemake is not None else None


def _kill(
    trial: Trial, folder: Path, started: subprocess.Popen[bytes], snakemake: psutil.Process | None
) -> None:
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        if trial.fault == "group":
            os.killpg(started.pid, trial.signal)
        elif trial.fault == "pixmake run":
            started.send_signal(trial.signal)
        elif trial.fault == "snakemake" and snakemake is not None:
            snakemake.send_signal(trial.signal)
        elif trial.fault == "outcome":
            while started.poll() is None:
                for process in _outcomes(folder, trial.process):
                    process.send_signal(trial.signal)
                    return
                time.sleep(0.005)
        elif snakemake is not None:
            end = time.monotonic() + 5
            while started.poll() is None and time.monotonic() < end:
                warm = [each for each in snakemake.children() if "serve" in _words(each)]
                victims = (
                    warm if trial.fault == "warm process" else [c for each in warm for c in each.children()]
                )
                if victims:
                    victims[0].send_signal(trial.signal)
                    return
                time.sleep(0.002)


def _snakemake(started: subprocess.Popen[bytes]) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(started.pid)
        for process in (top, *top.children()):
            if any(word in ("snakemake", "pixmake.rules.attached") for word in _words(process)[:4]):
                return process
    return None


def _outcomes(folder: Path, name: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:4] == ["-m", "pixmake", name]:
            with contextlib.suppress(psutil.Error):
                if Path(process.cwd()) == folder:
                    yield process


def _words(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return words


def _left(folder: Path, owner: int | None) -> list[str]:
    """What is there of a run after its end, once it has had its time."""
    end = time.monotonic() + LEFT_SECONDS
    while (left := _there(folder, owner)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def _there(folder: Path, owner: int | None) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        inside = False
        with contextlib.suppress(psutil.Error):
            inside = folder in (Path(process.cwd()), *Path(process.cwd()).parents)
        if inside or (owner is not None and str(owner) in words and "serve" in words):
            found.append(" ".join(words)[:200])
    return found


def _text(folder: Path) -> str:
    return (folder.parent / f"{folder.name}.log").read_text(encoding="utf-8", errors="replace")


# --- other faults -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _place(trial: Trial, folder: Path) -> Iterator[None]:
    """The folder of a trial; for a full disk a small one, which root alone can make."""
    folder.mkdir(parents=True)
    mounted = trial.fault == "full disk" and os.geteuid() == 0
    if mounted:
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
        mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def _fill(folder: Path) -> None:
    """Leave no room, if the disk is a small one."""
    if not os.path.ismount(folder):
        return
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"\0" * 65536)


def _date_ahead(folder: Path, trial: Trial) -> None:
    """Have some images come from a camera whose clock is ahead by minutes, or by a day."""
    chance = random.Random(trial.seed)
    for image in sorted((folder / "images").iterdir()):
        if chance.random() < 0.4:
            ahead = time.time() + chance.choice([180, 86_400])
            os.utime(image, (ahead, ahead))


def _edit(folder: Path, trial: Trial) -> None:
    """Write images and the config again, as they are."""
    chance = random.Random(trial.seed)
    for file in (*chance.sample(sorted((folder / "images").iterdir()), 2), folder / "config/config.yaml"):
        content = file.read_bytes()
        temporary = file.with_name(f".{file.name}")
        temporary.write_bytes(content)
        temporary.replace(file)


# --- many ------------------------------------------------------------------------------------------


def expected(folder: Path) -> Mapping[str, str]:
    """What a run that nothing disturbs leaves."""
    folder.mkdir(parents=True)
    make_project(folder, page=False)
    ended = run(folder)
    if ended.returncode:
        raise SystemExit(f"the project of the trials cannot be run: {ended.stderr[-2000:]}")
    return outcome(folder)


def main() -> int:
    """Play trials until they are done, and say what was found; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1, help="that of the first one; the next ones follow")
    given = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="pixmake-soak-"))
    whole = expected(base / "undisturbed")
    wrong: Counter[str] = Counter()
    for seed in range(given.seed, given.seed + given.trials):
        one = trial(seed)
        begun = time.monotonic()
        problems = play(one, base / f"trial{seed}", whole)
        print(f"{'WRONG' if problems else 'right'}  {one} ({time.monotonic() - begun:.0f} s)", flush=True)
        for problem in problems:
            wrong[one.fault] += 1
            print(f"       {problem}", flush=True)
        if not problems:
            shutil.rmtree(base / f"trial{seed}", ignore_errors=True)
    print(f"{given.trials} trials, {sum(wrong.values())} findings" + (f": {dict(wrong)}" if wrong else ""))
    if wrong:
        print(f"What is left of those: {base}")
    else:
        shutil.rmtree(base)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
