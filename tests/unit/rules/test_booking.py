"""What Snakemake does about a job, done at once: the same questions have the same answers."""

from __future__ import annotations

import functools
import inspect
import threading
import time
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, ResourceList
from snakemake.utils import format as snakemakes

from pixmake.rules.snakemake_internals.asked_once import _parameters
from pixmake.rules.snakemake_internals.booking import _Bell
from pixmake.rules.snakemake_internals.commands import command_of, is_of_its_job


def job(text: str) -> SimpleNamespace:
    params = Params(
        fromdict={"task": '{"a": "it\'s"}', "run": "python -IS client.py", "none": "", "many": ["a b", 1]}
    )
    log, output = (
        Log(["logs/a b.log"]),
        OutputFiles(fromdict={"record": "r.json", "files": ["x.png", "y z.png"]}),
    )
    resources = ResourceList(fromdict={"attempt": 2, "_cores": 3})
    return SimpleNamespace(
        rule=SimpleNamespace(shellcmd=text),
        params=params,
        input=InputFiles([]),
        output=output,
        log=log,
        resources=resources,
        threads=3,
    )


@pytest.mark.parametrize(
    "text",
    [
        "exec {params.run} {params.task:q} {resources.attempt} {log:q} {output:q} {input:q}",
        "{params.many} {params.many:q} {params.none:q}{output.files:q} {threads}",
        "printf '%s' {{not a field}}",
    ],
)
def test_a_command_is_formatted_as_snakemake_does(text: str) -> None:
    assert is_of_its_job(text)
    one = job(text)
    words = {
        name: getattr(one, name) for name in ("params", "input", "output", "log", "resources", "threads")
    }
    assert command_of(one) == snakemakes(text, **words)


@pytest.mark.parametrize(
    "text", ["{wildcards.id}", "{config}", "{output[0]}", "{params.a!r}", "{params.a:>9}", "{"]
)
def test_other_commands_are_left_to_snakemake(text: str) -> None:
    assert not is_of_its_job(text)


class Value:
    def evaluate(self, wildcards: object, *, attempt: int = 1) -> None: ...


def function(wildcards: object, attempt: int, **more: object) -> None: ...


@pytest.mark.parametrize(
    "asked",
    [
        function,
        Value().evaluate,
        Value.evaluate,
        Value,
        functools.partial(function, 1),
        lambda wildcards: 1,
        print,
    ],
)
def test_signatures_are_those_of_each(asked: object) -> None:
    """Twice: found, then known; a method of an object has one parameter less than its function."""
    for _ in range(2):
        assert dict(_parameters(asked)) == dict(inspect.signature(asked).parameters)  # type: ignore[arg-type]


def test_a_round_waits_for_others_while_there_is_no_hurry() -> None:
    hurries = threading.Event()
    bell = _Bell(threading.Semaphore(0), hurries)
    bell.release()
    begun = time.perf_counter()
    assert bell.acquire()
    assert time.perf_counter() - begun >= 0.015
    hurries.set()
    bell.release()
    assert bell.acquire()
    assert not bell.acquire(blocking=False)
