"""``python -m pixmake``: the same as the command ``pixmake``."""

from pixmake.cli import main

raise SystemExit(main())
