"""Resources that grow with each attempt, and how many images may fail."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pixmake.base.attempts import at_attempt, expression_problem, is_expression
from pixmake.base.errors import PixmakeError
from pixmake.config.models import Step, load_config
from pixmake.config.settings import FoundSettings, Settings
from pixmake.job.task import parse_limits
from pixmake.plan.executors import place_steps
from pixmake.plan.plan import PlannedStep
from pixmake.progress.exit_status import allowed_failures
from pixmake.rules.image_rules import run_limits


def load(tmp_path: Path, step: dict[str, Any], **keys: Any) -> Any:
    content = {"images": {"table": "t.csv"}, "steps": {"s": {"function": "a.py:f", **step}}, **keys}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    return load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("given_value", "values"),
    [
        ([1000, 4000, 16000], [1000, 4000, 16000]),
        ([1000, 4000], [1000, 4000, 4000]),
        ("1000 * 4 ** (attempt - 1)", [1000, 4000, 16000]),
        ("min(100.5 * attempt, 300)", [101, 201, 300]),
        (700, [700, 700, 700]),
    ],
)
def test_memory_limit_follows_the_attempt(tmp_path: Path, given_value: Any, values: list[int]) -> None:
    """The process of an image is held to the memory of its own attempt."""
    config = load(tmp_path, {"retries": 2, "resources": {"mem_mb": given_value}})
    placement = place_steps(config, FoundSettings(Settings(), "default"), "config.yaml")["s"]
    text = run_limits(PlannedStep("s", config.steps["s"], "", True, placement))
    assert [parse_limits(text, attempt).mem_mb for attempt in (1, 2, 3)] == values


def test_any_resource_may_grow(tmp_path: Path) -> None:
    """Also a text; one without the word `attempt` is a plain value."""
    resources = {
        "runtime": "10 * attempt",
        "slurm_partition": "'short' if attempt == 1 else 'long'",
        "slurm_account": "lab-7",
        "gpu": [0, 1],
    }
    step: Step = load(tmp_path, {"retries": 1, "resources": resources}).steps["s"]
    assert step.resources.at(1) == {
        "runtime": 10,
        "slurm_partition": "short",
        "slurm_account": "lab-7",
        "gpu": 0,
    }
    assert step.resources.at(2)["slurm_partition"] == "long"


@pytest.mark.parametrize(
    ("resources", "what"),
    [
        ({"mem_mb": [1000, 0]}, "is neither a whole number above 0, nor a list of them"),
        ({"mem_mb": []}, "is neither a whole number above 0"),
        ({"mem_mb": "1000 * atempt"}, "is neither a whole number above 0"),
        ({"mem_mb": "size * attempt"}, "'size' is not known in an expression of attempt"),
        ({"gpu": "__import__('os').getpid() + attempt"}, "is not allowed in an expression of attempt"),
        ({"gpu": "[attempt for x in (1,)]"}, "is not allowed in an expression of attempt"),
        ({"mem_mb": "100 * (attempt - 1)"}, "is 0 at attempt 1 (it must be above 0)"),
        ({"mem_mb": "100 / (attempt - 1)"}, "has no value at attempt 1: division by zero"),
        ({"mem_mb": [1, 2, 3]}, "has 3 values, but the step has 2 attempts (set retries: 2)"),
        ({"gpu": {"a": 1}}, "is no value, list of values (one for each attempt) or expression"),
    ],
)
def test_wrong_resources(tmp_path: Path, resources: dict[str, Any], what: str) -> None:
    """What cannot be a resource is told with its line before anything runs."""
    with pytest.raises(PixmakeError) as raised:
        load(tmp_path, {"retries": 1, "resources": resources})
    (problem,) = raised.value.problems
    assert what in str(problem)
    assert problem.where.endswith(tuple("123456789"))


@given(st.text(alphabet="attempt ()[]{}.'\"+-*/0123456789,:_xy=<>", max_size=40))
def test_no_expression_does_more_than_count(text: str) -> None:
    """Whatever stands in a config, it is a plain value, is refused, or has a value without side effects."""
    if is_expression(text) and not expression_problem(text):
        try:
            value = at_attempt(text.replace("**", "+"), 1)
        except (ArithmeticError, TypeError, ValueError):
            return
        assert isinstance(value, (int, float, complex, str, bool))
    else:
        assert not is_expression(text) or expression_problem(text)


def test_share_of_images_may_fail(tmp_path: Path) -> None:
    """`max_failures` is a number or a percentage, rounded down."""
    assert load(tmp_path, {}, max_failures="12.5%").max_failures == "12.5%"
    assert [allowed_failures("12.5%", images) for images in (0, 7, 8, 100)] == [0, 0, 1, 12]
    for wrong in ("5", "-5%", "101%", -1, 1.5, True):
        with pytest.raises(PixmakeError, match="neither a whole number nor a percentage"):
            load(tmp_path, {}, max_failures=wrong)


@pytest.mark.parametrize(
    "expression",
    [
        "9 ** 9 ** 9 * attempt",
        "attempt * 2 ** 10 ** 10",
        "1 << 10 ** 10 * attempt",
        "'x' * 10 ** 10 * attempt",
        "'%1000000000d' % attempt",
        "round(attempt, -10 ** 10)",
        "round(attempt, 10 ** 10)",
        "+".join(["attempt ** 9 ** 9"] * 20),
    ],
)
def test_an_expression_ends(expression: str) -> None:
    """However little of a text would count for ever: an error at once."""
    begun = time.process_time()
    with pytest.raises((ArithmeticError, TypeError, ValueError)):
        at_attempt(expression, 2)
    assert time.process_time() - begun < 0.5


def test_a_long_text_is_no_expression() -> None:
    assert not is_expression("attempt" + " + 1" * 1000)
