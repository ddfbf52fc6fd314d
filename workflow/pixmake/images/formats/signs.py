"""The first bytes of files: of the images that OpenCV and tifffile read, and of some that are no image."""

from __future__ import annotations

IMAGES = ("PNG", "JPEG", "TIFF", "BMP", "WebP", "JPEG 2000", "a Netpbm image", "Radiance HDR", "GIF")
"""What OpenCV reads, and tifffile: no format of ours, and no extra but ``tiff``."""

_SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"BA", "BMP"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"GIF8", "GIF"),
    *((b"P%d" % number, "a Netpbm image") for number in range(1, 8)),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"<!DOCTYPE html", "a page of HTML"),
    (b"<html", "a page of HTML"),
    (b"<?xml", "XML"),
)


def name_of(head: bytes) -> str:
    """What a file is by its first bytes; empty if it is nothing that is known here."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    return next((name for sign, name in _SIGNS if head.startswith(sign)), "")
