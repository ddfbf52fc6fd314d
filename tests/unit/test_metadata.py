"""The files by which others know the package say the same as pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from tests.conftest import REPOSITORY
from tests.unit.test_environment import CONDA_NAMES

import pixmake

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("CITATION.cff", r"^version: (.+)$"),
        ("packaging/conda/meta.yaml", r'set version = "(.+?)"'),
        ("packaging/Dockerfile", r'image\.version="(.+?)"'),
    ],
)
def test_one_version(file: str, said: str) -> None:
    found = re.search(said, text(file), re.MULTILINE)
    assert found and found[1] == PROJECT["version"] == pixmake.__version__


def test_the_conda_recipe_asks_for_the_same() -> None:
    recipe = re.sub(r"\{\{.*?\}\}", "x", re.sub(r"\{%.*?%\}", "", text("packaging/conda/meta.yaml")))
    run = yaml.safe_load(recipe)["requirements"]["run"]
    said = {str(Requirement(entry)) for entry in run}
    parsed = [Requirement(entry) for entry in PROJECT["dependencies"]]
    asked = {f"{CONDA_NAMES.get(entry.name, entry.name)}{entry.specifier}" for entry in parsed}
    assert {re.sub(r"\s", "", entry) for entry in said} == {*asked, f"python{PROJECT['requires-python']}"}


def test_the_catalog_and_the_citation_are_yaml() -> None:
    assert yaml.safe_load(text(".snakemake-workflow-catalog.yml"))["usage"]
    assert yaml.safe_load(text("CITATION.cff"))["license"] == PROJECT["license"]


def test_what_llms_txt_points_to_is_there() -> None:
    links = re.findall(r"\]\((.+?)\)", text("llms.txt"))
    assert links
    assert [link for link in links if not Path(REPOSITORY / link).exists()] == []
