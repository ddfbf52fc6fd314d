"""Counts of things as people say them: ``1 image``, ``2 images``."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """A number and what it is a number of; that takes an s unless there is one of it.

    Examples
    --------
    >>> counted(1, "image"), counted(0, "image"), counted(2, "other image")
    ('1 image', '0 images', '2 other images')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
