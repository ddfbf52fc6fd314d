"""Docs lead where they say, and what they show is a config."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import REPOSITORY

from pixmake.cli.command_line import _parser
from pixmake.config.models import Config

PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted(REPOSITORY.glob("docs/*.md"))]
BLOCK = re.compile(r"^ *```.*?^ *```$", re.M | re.S)
BLOCK_OF_YAML = re.compile(r"^( *)```yaml[^\n]*\n(.*?)^ *```", re.M | re.S)


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file, and to a heading of it."""
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text())):
        file, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page.parent / file if file else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            lost.append(link)
    assert lost == []


PACKAGES = {"cellpose", "stardist", "drone_log"}
"""Keys that packages add which need not be installed here."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configs_that_pages_show(page: Path) -> None:
    """Each block of YAML is YAML; one with keys of config.yaml is taken by pixmake, once it is whole."""
    for indent, text in BLOCK_OF_YAML.findall(page.read_text()):
        shown = yaml.safe_load(re.sub(f"^{indent}", "", text, flags=re.M).replace("…", "0"))
        if not isinstance(shown, dict) or not shown.keys() <= Config.model_fields.keys():
            continue
        inside = {key for name in ("images", "steps") for key in _keys(shown.get(name))}
        if not inside & PACKAGES:
            rest = {"images": {"directory": "images"}, "steps": {"look": {"function": "scripts/a.py:look"}}}
            Config.model_validate({**rest, **shown})


def _keys(value: Any) -> Iterator[str]:
    """The keys of a value at any depth."""
    for key, inside in value.items() if isinstance(value, dict) else ():
        yield key
        yield from _keys(inside)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_pages_show(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each `pixmake …` of a block has its arguments, and options that are there."""
    lines = "\n".join(BLOCK.findall(page.read_text())).replace("…", "x").split("\n")
    for each in re.findall(r"^pixmake [a-z][^&|;\n]*", "\n".join(line.strip() for line in lines), re.M):
        command, *words = shlex.split(each, comments=True)[1:]
        if command != "run":  # the rest is Snakemake's
            try:
                _parser(command).parse_args([command, *words])
            except SystemExit:
                pytest.fail(f"{each}: {capsys.readouterr().err}")


def test_every_page_answers_a_question() -> None:
    """The first page leads to each other one."""
    first = (REPOSITORY / "docs/index.md").read_text()
    linked = set(re.findall(r"\]\(([\w-]+\.md)", first))
    assert linked >= {page.name for page in REPOSITORY.glob("docs/*.md")} - {"index.md"}


SENTENCES = [
    *(page for page in PAGES if page.name != "CHANGELOG.md"),
    REPOSITORY / "config/README.md",
    *sorted(REPOSITORY.glob("plugins/*/README.md")),
]
NOT_PROSE = re.compile(r"^ *```.*?^ *```$|^ *(?:#|\||<|:::).*?$", re.M | re.S)
INSIDE = re.compile(r"(?<!^\d)(?<!\*\d)[.?!]\)? +(?=\S)", re.M)
HALF = re.compile(r"^.*\w\n(?= *[^\W\d])", re.M)


@pytest.mark.parametrize("page", SENTENCES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_one_sentence_a_line(page: Path) -> None:
    """So that a change shows what it changes; a long sentence may go on behind a comma."""
    prose = re.sub(r"`[^`\n]+`", "`x`", NOT_PROSE.sub("", page.read_text()))
    several = [line for line in prose.split("\n") if INSIDE.search(line)]
    assert (several, HALF.findall(prose)) == ([], [])
