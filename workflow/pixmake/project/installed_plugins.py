"""What installed packages add to pixmake, looked at one by one: what each is, and whether it can be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from pixmake.base import plugins
from pixmake.base.errors import Problem


def look_at_plugins() -> Iterator[tuple[plugins.Entry, Problem | None]]:
    """Each entry point of each installed package, imported; and why it cannot be used, if it cannot."""
    if not plugins.entries():
        return
    needed, taken = _asked_of_each()
    for group in plugins.GROUPS:
        for entry in plugins.free(group, taken.get(group, ())).values():
            with suppress(plugins.PluginError):
                plugins.load(entry, needed[group])
    why = plugins.refused()
    for entry in plugins.entries():
        yield entry, why.get(entry)


def _asked_of_each() -> tuple[Mapping[str, Sequence[str]], Mapping[str, Iterable[str]]]:
    """By group the names that each entry has to have; and names of pixmake's own, where nobody has looked."""
    # most have no such package: who checks a project need not wait for all that one could add to
    from pixmake.config import added_sources
    from pixmake.images import formats
    from pixmake.images.formats import shape
    from pixmake.plan import kinds
    from pixmake.results import exports
    from pixmake.results.report import views

    formats.known()
    needed = {
        "kinds": kinds.NEEDED,
        "sources": added_sources.NEEDED,
        "formats": shape.NEEDED,
        "exports": exports.NEEDED,
        "page": views.NEEDED,
    }
    return needed, {"exports": exports.OWN_EXPORTS, "page": views.OWN_VIEWS}
