"""The command ``pixmake``: the door to the modules of ``commands/``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from pixmake.base.errors import PixmakeError, file_problem, nearest
from pixmake.base.files import NO_ROOM
from pixmake.base.garbage import search_cycles_less
from pixmake.base.installed import VERSION
from pixmake.base.operating_system import ANYWHERE, unfit
from pixmake.base.owner import end_with_owner
from pixmake.base.plugins import entries
from pixmake.cli.commands import HOMES, LISTED, add_commands


def main(words: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status: 0, or 1 if something is wrong with the project, or 2 with the command line.
    """
    end_with_owner()
    search_cycles_less()
    words = list(sys.argv[1:] if words is None else words)
    parser = _parser(words[0] if words else "")
    # everything after `run` is Snakemake's, options that pixmake has too included
    passed_on = words[1:] if words[:1] == ["run"] else []
    if words[:1] == ["run"] and passed_on not in (["-h"], ["--help"]):
        arguments = parser.parse_args(["run"])
    else:
        arguments = parser.parse_args(words)
    arguments.passed_on = passed_on
    if why := unfit():
        print(f"pixmake: {why}", file=sys.stderr)
        if words[0] not in ANYWHERE:
            return 1
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(f"pixmake: {file_problem(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _epilog() -> str:
    """What stands below the commands: what installed packages add, too."""
    same = "In a project, `snakemake --cores N` does the same as `pixmake run --cores N`."
    added = "; ".join(dict.fromkeys(map(str, entries())))
    return f"{same} Installed: {added}." if added else same


def _parser(word: str) -> argparse.ArgumentParser:
    """The parser of the command that ``word`` names; if it names none, that of all commands."""
    parser = argparse.ArgumentParser(
        prog="pixmake",
        description="Runs an image analysis over many images with Snakemake: one rule an image, "
        "one table at the end. A project is a folder with config/config.yaml.",
        epilog=_epilog() if word not in HOMES else None,
    )
    parser.add_argument("--version", action="version", version=f"pixmake {VERSION}")
    add_commands(parser.add_subparsers(metavar="COMMAND", required=True), word)
    if word and not word.startswith("-") and word not in HOMES:
        parser.error(f"there is no command {word!r} ({nearest(word, LISTED)})")
    return parser
