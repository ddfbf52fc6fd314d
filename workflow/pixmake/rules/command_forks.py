"""Has the commands of a run's last rules run in forks of a process that has imported what they need.

That process (`pixmake.cli.command_server`) is asked for as soon as Snakemake knows that it is to run
something, by when it has read no Snakefile; what it imports is there when the first table is to be made.
Where it is not, or a command fails in it, the command is run as it stands in the rule.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pixmake.base.owner import OWNER
from pixmake.rules.run_options import SAFE
from pixmake.rules.snakemake_internals import options_given

_SERVER = "pixmake.cli.command_server"

_TEMPLATE = re.compile(r"(printf '%s\\n' \{[\w.]+:q\} \| )?\{params\.pixmake\} [^|&;<>$`()]* 2> \{log:q\}")
"""How those commands are written in the rules: words, a log, and perhaps lines to read."""


@dataclass(frozen=True)
class Command:
    """A command of pixmake's, as the shell would understand it."""

    words: list[str]
    environment: dict[str, str]
    """What it adds to the environment."""
    log: str
    """Where its errors go."""
    told: str | None
    """What it has to read."""


def understood(template: str | None, command: str | None) -> Command | None:
    """A job's command, if it is one of those.

    Parameters
    ----------
    template
        The command as it stands in the rule.
    command
        The same, with what is the job's own.
    """
    if not template or not command or not (found := _TEMPLATE.fullmatch(template)):
        return None
    words = shlex.split(command)
    begin = next((place for place, word in enumerate(words) if word.startswith(f"{OWNER}=")), -1)
    told = "".join(f"{word}\n" for word in words[2 : begin - 1]) if found[1] else None
    if begin < 0 or words[begin + 1 : begin + 4] != [sys.executable, "-m", "pixmake"]:
        return None
    *rest, _, log = words[begin + 4 :]
    return Command(rest, {OWNER: words[begin].partition("=")[2]}, log, told)


class CommandForks:
    """The process that forks, as seen from Snakemake's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked = False
        self.channel: socket.socket | None = None

    def begin_early(self) -> None:
        """Ask for it, if this Snakemake was started to run something here."""
        given = options_given()
        own = ("pixmake_", "logger_pixmake")
        if (
            given is None
            or given.get("executor") != "pixmake"
            or "dryrun" in given
            or not all(name in SAFE or name.startswith(own) for name in given)
        ):
            return
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self) -> None:
        """Ask for it, unless that was done."""
        from pixmake.job import client
        from pixmake.job.warm_server import command_environment

        with self.lock, contextlib.suppress(OSError):
            if self.asked or not hasattr(os, "fork") or os.environ.get("PIXMAKE_WARM") == "0":
                return
            self.asked = True
            environment = command_environment("1")
            connection = client.connect(os.getpid(), "-", environment)
            if connection is None:
                return
            if client.send(connection, [_SERVER], environment, "fork"):
                self.channel = socket.socket(fileno=connection.detach())
            else:
                connection.close()

    def run(
        self,
        command: Command,
        environment: Mapping[str, str],
        known: Callable[[socket.socket], AbstractContextManager[None]],
    ) -> bool:
        """Run a command, and wait for its end.

        Parameters
        ----------
        command
            Which one.
        environment
            What it finds in its environment, beside what it adds.
        known
            Is entered with what leads to the process; once that is closed the process ends.

        Returns
        -------
        bool
            Whether it has run, and ended well.
        """
        if self.channel is None:
            return False
        from pixmake.job.warm_server import message

        here, there = socket.socketpair()
        said = {
            "words": command.words,
            "folder": os.getcwd(),
            "environment": {**environment, **command.environment},
            "log": command.log,
            "told": command.told,
        }
        with here, known(here), contextlib.suppress(OSError):
            with there, self.lock:
                socket.send_fds(self.channel, [b"+"], [there.fileno(), 1])
            here.sendall(message(json.dumps(said)))
            return here.recv(1) == b"\0"
        return False


FORKS = CommandForks()
"""Those of this process."""
