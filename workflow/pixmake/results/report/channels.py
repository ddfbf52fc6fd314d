"""Images that an analysis gets together under names, such as channels: of each a picture with outlines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pixmake.images.axes import Part
from pixmake.results.report.thumbnails import Picture

MOST_CHANNELS = 8
"""Named images of a point that have pictures of their own."""

Files = Sequence[tuple[str, str]]


def pictures_of_channels(
    picture_id: str,
    paths: Sequence[str],
    names: Sequence[str],
    files: Files,
    parts: Sequence[Part],
    versions: Sequence[str],
) -> list[Picture]:
    """A picture of each named image of a point; the first is the point's own.

    Parameters
    ----------
    picture_id
        Of the point.
    paths, names
        Of its images.
    files
        The image files that its steps made: what each is called, and its path.
    parts, versions
        Of its images; as many, or none where all are whole files.
    """
    return [
        Picture(
            channel_id(picture_id, place),
            path,
            tuple(files_of_channel(files, name, names)),
            parts[place] if place < len(parts) else {},
            versions[place] if place < len(versions) else "",
        )
        for place, (path, name) in enumerate(zip(paths, names, strict=True))
        if place < MOST_CHANNELS
    ]


def channel_id(picture_id: str, place: int) -> str:
    """What the picture of a point's named image is called; that of the first is the point's own."""
    return f"{picture_id}++{place}" if place else picture_id


def channels_of(
    names: Mapping[int, Sequence[str]], picture_ids: Sequence[str], own: Sequence[bool]
) -> dict[str, list[str]]:
    """By channel the id of each point's picture, empty where it has none; nothing where there is one name."""
    found: dict[str, list[str]] = {}
    for row, of_row in names.items():
        if own[row]:
            for place, name in enumerate(of_row[:MOST_CHANNELS]):
                found.setdefault(name, [""] * len(picture_ids))[row] = channel_id(picture_ids[row], place)
    return found if 1 < len(found) <= MOST_CHANNELS else {}


def files_of_channel(files: Files, channel: str, channels: Sequence[str]) -> list[tuple[str, str]]:
    """The files that bear a channel's name (``dapi_mask``); without any, those that bear none."""
    own = [(name, path) for name, path in files if _bears(name, channel)]
    return own or [(name, path) for name, path in files if not any(_bears(name, each) for each in channels)]


def _bears(name: str, channel: str) -> bool:
    """Whether a channel's name is a word of a file's name."""
    word = re.escape(channel.casefold())
    return re.search(rf"(?<![^\W_]){word}(?![^\W_])", name.casefold()) is not None
