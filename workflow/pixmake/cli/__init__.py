"""The commands: ``pixmake``, and what its words mean.

`main` is the console command; each module of ``commands/`` is a command, or a family of small ones.
"""

from __future__ import annotations

from pixmake.cli.command_line import main as main
