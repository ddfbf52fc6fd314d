"""environment.yml and pyproject.toml ask for the same dependencies, constraints.txt pins them."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]

# Names that differ: PyPI's → conda's.
CONDA_NAMES = {
    "build": "python-build",
    "opencv-python-headless": "py-opencv",
    "playwright": "playwright-python",
}

# What conda does not have, or has inside another package; its tests are left out there.
PYPI_ALONE = {"roc-validator", "openslide-bin"}

# What `all` leaves out: GPL (the wheel of pillow-heif), programs of their own, and what repeats extras.
NOT_IN_ALL = {"bioio", "dev", "heic", "microscopy", "slides"}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def bounds(requirements: list[str]) -> dict[str, SpecifierSet]:
    """Each package's name, normalised, and the versions that are asked for."""
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in parsed}


def extras() -> dict[str, list[str]]:
    """The extras, without those that repeat others."""
    groups = project()["optional-dependencies"]
    return {name: group for name, group in groups.items() if name not in ("all", "microscopy")}


def pip_bounds() -> dict[str, SpecifierSet]:
    optional = [text for group in extras().values() for text in group]
    return bounds([*project()["dependencies"], *optional])


def conda_entries() -> list:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["dependencies"]


def test_environment_and_pyproject_ask_for_the_same_packages_and_versions():
    conda = bounds([entry for entry in conda_entries() if isinstance(entry, str)])
    expected = {
        CONDA_NAMES.get(name, name): versions
        for name, versions in pip_bounds().items()
        if name not in PYPI_ALONE
    }
    expected["python"] = SpecifierSet(project()["requires-python"])
    assert conda == expected


def test_pip_installs_nothing_but_this_package_into_the_conda_environment():
    pip_sections = [entry["pip"] for entry in conda_entries() if isinstance(entry, dict)]
    assert pip_sections == [["-e ."]]


def test_the_mapped_names_are_still_in_use():
    assert set(CONDA_NAMES) <= set(pip_bounds())


def test_all_is_the_union_of_the_extras_for_users():
    (text,) = project()["optional-dependencies"]["all"]
    requirement = Requirement(text)
    assert requirement.name == project()["name"]
    assert requirement.extras == set(extras()) - NOT_IN_ALL


def test_every_repeated_extra_is_one():
    (text,) = project()["optional-dependencies"]["microscopy"]
    assert Requirement(text).extras <= set(extras()) - NOT_IN_ALL


@pytest.mark.parametrize("name", sorted(set(pip_bounds()) - {"pip"}))
def test_constraints_pin_a_version_within_the_bounds(name):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = bounds([line for line in lines if line and not line.startswith("#")])
    (pin,) = pins[name]
    assert pin.operator == "=="
    assert pip_bounds()[name].contains(pin.version)
