"""What installed packages add to pixmake, looked at one by one: what each is, and whether it can be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from pixmake.base import plugins
from pixmake.base.errors import Problem
from pixmake.config import added_sources
from pixmake.images import formats
from pixmake.images.formats import shape
from pixmake.plan import kinds
from pixmake.results import exports
from pixmake.results.report import views

_NEEDED = {
    "kinds": kinds.NEEDED,
    "sources": added_sources.NEEDED,
    "formats": shape.NEEDED,
    "exports": exports.NEEDED,
    "page": views.NEEDED,
}
_TAKEN = {"exports": exports.OWN_EXPORTS, "page": views.OWN_VIEWS}
"""Names of pixmake's own, of those groups whose names are not looked at before."""


def look_at_plugins() -> Iterator[tuple[plugins.Entry, Problem | None]]:
    """Each entry point of each installed package, imported; and why it cannot be used, if it cannot."""
    formats.known()
    for group in plugins.GROUPS:
        for entry in plugins.free(group, _TAKEN.get(group, ())).values():
            with suppress(plugins.PluginError):
                plugins.load(entry, _NEEDED.get(group, ()))
    why = plugins.refused()
    for entry in plugins.entries():
        yield entry, why.get(entry)
