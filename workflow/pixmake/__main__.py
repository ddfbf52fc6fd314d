"""``python -m pixmake``: the same as the command ``pixmake``."""

from pixmake.cli.command_line import main

raise SystemExit(main())
