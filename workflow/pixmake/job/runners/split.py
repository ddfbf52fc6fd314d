"""Finds the images of one container: frames of a video, pages of a TIFF, members of an archive.

They lie in a folder beside the list of them, which is the step's file.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import itertools
import json
import os
import secrets
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from pixmake.base.files import written_whole
from pixmake.base.ids import safe_id
from pixmake.base.system_names import is_below_system
from pixmake.images.axes import ImageError
from pixmake.images.read import IMAGES, is_animation, write_image
from pixmake.images.tiff import pages_of
from pixmake.job.runners import Call, Outcome

OPENS_FILES = True

Found = tuple[str, str, Any, dict[str, Any]]
"""Of an image its name, its suffix, what it is (an array, pieces of bytes, or a file), and its metadata."""

LEAST_SHARE = 0.9
"""Of the frames that a video says it has; containers count a few that no decoder gives."""


def run(call: Call) -> Outcome:
    """Write the images of the container, then the list of them."""
    ((kind, how),) = call.task.work.items()
    ((_, listed),) = call.outputs.items()
    folder = Path(listed.removesuffix(".jsonl"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.tmp"
    temporary.mkdir()
    try:
        lines = list(_written(_FINDERS[kind](call, how), temporary, folder))
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    with written_whole(listed) as text:
        text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Outcome({"images": {"value": len(lines)}})


def _written(images: Iterable[Found], temporary: Path, folder: Path) -> Iterator[str]:
    """Write each image, and yield its line of the list."""
    names: set[str] = set()
    files: set[str] = set()
    for name, suffix, content, metadata in images:
        if name in names:
            raise ValueError(f"two images are called {name!r}")
        names.add(name)
        file = _file_name(name, suffix, files)
        if isinstance(content, (str, Path)):
            shutil.copyfile(content, temporary / file)
        elif hasattr(content, "dtype"):
            write_image(content, temporary / file)
        else:
            with open(temporary / file, "wb") as target:
                target.writelines(content)
        line = {"image": name, "path": str(folder / file), "metadata": metadata}
        yield json.dumps(line, ensure_ascii=False)


def _file_name(name: str, suffix: str, taken: set[str]) -> str:
    """The file of an image; names that are one as a file's, on any system, are told apart by their hash."""
    file = f"{safe_id(name)}.{suffix}"
    if file.lower() in taken:
        file = f"{safe_id(name)}_{hashlib.sha256(name.encode()).hexdigest()[:6]}.{suffix}"
    taken.add(file.lower())
    return file


def is_member(name: str, patterns: Sequence[str]) -> bool:
    """Whether a member of an archive is one of the images that are asked for.

    Parameters
    ----------
    name
        The member's path in the archive.
    patterns
        What is asked for, such as ``trial1/*.png``; without one: all images that are not hidden.

    Examples
    --------
    >>> is_member("day1/a.PNG", []), is_member("__MACOSX/day1/._a.png", [])
    (True, False)
    """
    if patterns:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    return not is_below_system(name.split("/")) and os.path.splitext(name)[1].lstrip(".").lower() in IMAGES


def _frames(call: Call, how: Mapping[str, Any]) -> Iterator[Found]:
    """Every so many frames of a video or an animation, or one every so many seconds."""
    import cv2

    path = call.images[0]
    if is_animation(path):
        yield from _animated(path, how)
        return
    video = cv2.VideoCapture(path)
    rate = video.get(cv2.CAP_PROP_FPS)
    promised = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    if "seconds" in how and not rate > 0:
        raise ImageError(f"{path}: does not say how many frames a second has; use `every`")
    number, wanted = 0, 0.0
    while video.grab():
        if number >= wanted:
            decoded, image = video.retrieve()
            if not decoded:
                raise ImageError(f"{path}: frame {number} cannot be decoded")
            seconds = {"seconds": round(number / rate, 4)} if rate > 0 else {}
            yield f"frame{number:06}", "png", image, {"frame": number, **seconds}
            # from the first frame on, so that no rounding adds up
            wanted += how["seconds"] * rate if "seconds" in how else how.get("every", 1)
        number += 1
    video.release()
    if not number:
        raise ImageError(f"{path}: is not a video that OpenCV can decode")
    if number < LEAST_SHARE * promised:
        raise ImageError(f"{path}: the video is cut short: {number} of {promised} frames can be read")


def _animated(path: str, how: Mapping[str, Any]) -> Iterator[Found]:
    """The same of a PNG, WebP or GIF of several frames, each of which says how long it is shown."""
    import cv2

    decoded, animation = cv2.imreadanimation(path)
    if not decoded:
        raise ImageError(f"{path}: is not an animation that OpenCV can decode")
    begins = [0, *itertools.accumulate(int(each) for each in animation.durations)]
    wanted = 0.0
    for number, frame in enumerate(animation.frames):
        seconds = begins[number] / 1000
        if (seconds if "seconds" in how else number) >= wanted:
            yield f"frame{number:06}", "png", frame, {"frame": number, "seconds": round(seconds, 4)}
            wanted += how["seconds"] if "seconds" in how else how.get("every", 1)


def _pages(call: Call, how: Mapping[str, Any]) -> Iterator[Found]:
    """Every so many pages of a multi-page TIFF."""
    for number, page, is_colour in pages_of(call.images[0], how["every"]):
        yield f"page{number:04}", "tif", [_as_tiff(page, is_colour)], {"page": number}


def _as_tiff(page: Any, is_colour: bool) -> bytes:
    """A page as a file of its own, of its own type and with all of its bands."""
    import tifffile

    if is_colour:
        page = page[..., [2, 1, 0, *range(3, page.shape[-1])]]
    content = io.BytesIO()
    tifffile.imwrite(
        content,
        page,
        photometric="rgb" if is_colour else "minisblack",
        planarconfig="contig" if page.ndim > 2 else None,
        compression="zlib",
        metadata=None,
    )
    return content.getvalue()


def _members(call: Call, how: Mapping[str, Any]) -> Iterator[Found]:
    """The images of a zip or tar archive."""
    path = call.images[0]
    patterns = [how["match"]] if isinstance(how["match"], str) else how["match"]
    patterns = [_plain_name(pattern) for pattern in patterns]
    limits = _Limits(path, how.get("member_gb", 1), how.get("total_gb", 20))
    stems: set[str] = set()
    others: list[str] = []
    for member, open_member in _entries(path):
        name = _plain_name(member)
        if not is_member(name, patterns):
            others.append(name)
            continue
        stem, suffix = os.path.splitext(name)
        own = name if stem in stems else stem  # a.png and a.jpg are two images
        stems.add(stem)
        with open_member() as file:
            yield own, suffix.lstrip(".") or "bin", limits.read(name, file), {"member": name}
    if not stems:
        asked = f"no member matches {' or '.join(map(repr, patterns))}" if patterns else "it holds no image"
        shown = ", ".join(map(repr, others[:3])) + (", …" if len(others) > 3 else "")
        raise ImageError(f"{path}: {asked}: {f'there are {shown}' if others else 'it is empty'}")


def _plain_name(member: str) -> str:
    r"""A member's name without what programs add: ``./a.png`` of ``tar .``, ``day1\a.png`` of Windows."""
    return "/".join(part for part in member.replace("\\", "/").split("/") if part not in ("", "."))


def _entries(path: str) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """The files of an archive: the name of each, and what opens it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield entry.filename, partial(archive.open, entry)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isfile() or member.islnk():
                    yield member.name, partial(_of_tar, tar, member)
    else:
        raise ImageError(f"{path}: is neither a zip nor a tar archive")


def _of_tar(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    assert file is not None  # a file, or a link to one
    return file


@dataclass
class _Limits:
    """How much an archive may still unpack: what its list of contents says of that need not be true."""

    path: str
    member_gb: float
    total_gb: float
    unpacked: int = 0

    def read(self, name: str, file: IO[bytes]) -> Iterator[bytes]:
        """A member's bytes, piece by piece.

        Raises
        ------
        ImageError
            They are more than may be.
        """
        size = 0
        while piece := file.read(1 << 20):
            size += len(piece)
            self.unpacked += len(piece)
            self._check("member_gb", self.member_gb, size, f"{name} holds")
            self._check("total_gb", self.total_gb, self.unpacked, "its images hold")
            yield piece

    def _check(self, key: str, most: float, much: int, what: str) -> None:
        if much > most * 1e9:
            raised = f"images.checkpoint.members.{key} raises that"
            raise ImageError(f"{self.path}: {what} more than {most:g} GB ({raised})")


def _own(call: Call, how: str) -> Iterator[Found]:
    """What the user's function yields: images, or images and their metadata."""
    from pixmake.job.runners.function import asked_by, load_module

    file, _, name = how.rpartition(":")
    function = getattr(load_module(file), name)
    asked, _ = asked_by(function)
    given = {"path": call.images[0], "meta": dict(call.task.metadata)}
    arguments = {key: value for key, value in given.items() if key in asked} | dict(call.task.params)
    for number, each in enumerate(function(**arguments)):
        image, metadata = each if isinstance(each, tuple) else (each, {})
        if not isinstance(metadata, Mapping):
            raise TypeError(f"{name} yielded {metadata!r} as metadata; a dict is expected")
        metadata = {str(key): _plain(value) for key, value in metadata.items()}
        own = str(metadata.pop("image", f"image{number:06}"))
        if isinstance(image, (str, Path)):
            yield own, os.path.splitext(image)[1].lstrip(".") or "bin", image, metadata
        elif hasattr(image, "dtype"):
            yield own, "tif" if image.dtype.kind == "f" else "png", image, metadata
        else:
            kind = type(image).__name__
            raise TypeError(
                f"{name} yielded a {kind} as an image; an array or the path of a file is expected"
            )


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


_FINDERS: dict[str, Callable[[Call, Any], Iterator[Found]]] = {
    "frames": _frames,
    "pages": _pages,
    "members": _members,
    "function": _own,
}
