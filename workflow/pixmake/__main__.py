"""``python -m pixmake``: the same as the command ``pixmake``."""

from pixmake.cli.main import main

raise SystemExit(main())
