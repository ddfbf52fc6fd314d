"""Changes one value of a YAML file and nothing else in it: comments, order and form stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.config.text import inline


def set_value(path: str | Path, keys: Sequence[str], value: Any) -> None:
    """Set a value in a file.

    Parameters
    ----------
    path
        The file.
    keys
        Those that lead to the value, from the top; the last ones may be missing.
    value
        What it becomes.

    Raises
    ------
    PixmakeError
        The file cannot be read or written, or the value cannot be changed without another one.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
        changed = with_value(text, keys, value)
        with written_whole(path) as temporary:
            temporary.write_bytes(changed.encode())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PixmakeError([Problem(f"cannot be changed: {error}", str(path))]) from None
    except ValueError as error:
        hint = f"write there: {'.'.join(keys)}: {inline(value)}"
        raise PixmakeError([Problem(str(error), str(path), hint)]) from None


def with_value(text: str, keys: Sequence[str], value: Any) -> str:
    """A YAML text with another value under some keys.

    Raises
    ------
    ValueError
        It cannot be changed without another one: it stands for several (an anchor), or is built in a way
        that leaves no place for it.
    """
    wanted = _apart(yaml.safe_load(text))
    _put(wanted, keys, value)
    changed = _changed(text, keys, value)
    if yaml.safe_load(changed) != wanted:
        raise ValueError("this value cannot be changed without another one")
    return changed


def _apart(content: Any) -> Any:
    """A copy in which what an alias stands for is there once more."""
    if isinstance(content, dict):
        return {key: _apart(value) for key, value in content.items()}
    return [_apart(value) for value in content] if isinstance(content, list) else content


def _put(content: Any, keys: Sequence[str], value: Any) -> None:
    for key in keys[:-1]:
        if not isinstance(content, dict):
            raise ValueError(f"{key} has no place in it")
        if content.get(key) is None:
            content[key] = {}
        content = content[key]
    if not isinstance(content, dict):
        raise ValueError(f"{keys[-1]} has no place in it")
    content[keys[-1]] = value


def _changed(text: str, keys: Sequence[str], value: Any) -> str:
    node = yaml.compose(text)
    for number, key in enumerate(keys):
        if not isinstance(node, yaml.MappingNode) or not node.value:
            raise ValueError(f"{key} has no place in it")
        found = next((below for name, below in node.value if name.value == key), None)
        below = value
        for name in reversed(keys[number + 1 :]):
            below = {name: below}
        if found is None:
            return _added(text, node, f"{inline(key)}: {inline(below)}")
        if number + 1 == len(keys) or found.tag.endswith(":null"):
            return _replaced(text, found, inline(below))
        node = found
    raise ValueError("no key is given")


def _replaced(text: str, node: yaml.Node, written: str) -> str:
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        raise ValueError("there are several lines where one value would go")
    start, end = node.start_mark.index, node.end_mark.index
    space = " " if text[start - 1] == ":" else ""
    return text[:start] + space + written + text[end:]


def _added(text: str, node: yaml.MappingNode, written: str) -> str:
    """With one more entry in a mapping: at its end if it is in one line, else behind its first line."""
    if node.flow_style:
        end = node.end_mark.index - 1
        return f"{text[:end].rstrip()}, {written}{text[end:]}"
    key, value = node.value[0]
    indent = " " * key.start_mark.column
    line_start = key.start_mark.index - key.start_mark.column
    if isinstance(value, yaml.ScalarNode) and value.end_mark.line == key.start_mark.line:
        line_end = text.find("\n", value.end_mark.index)
        line_start = len(text) if line_end < 0 else line_end + 1
        if line_end < 0:
            return f"{text}\n{indent}{written}\n"
    return f"{text[:line_start]}{indent}{written}\n{text[line_start:]}"
