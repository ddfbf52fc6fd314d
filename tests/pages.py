"""The examples of a page of docs/ as files of a project: what a reader would copy."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY, Project

_FILE = re.compile(r"`([\w./-]+\.\w+)`:\n\n```\w+\n(.*?)```", re.DOTALL)


def examples(page: str) -> dict[str, str]:
    """The files that a page shows, each as a block after its name, such as `config/config.yaml`:"""
    return dict(_FILE.findall((REPOSITORY / "docs" / page).read_text(encoding="utf-8")))


def follow(page: str, project: Project) -> None:
    """Write the files of a page into a project."""
    files = examples(page)
    assert "config/config.yaml" in files, f"docs/{page} shows no config"
    for name, content in files.items():
        project.write(name, content)
