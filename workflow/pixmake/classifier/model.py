"""A pixel classifier's file: a forest as plain arrays, and what it was made of.

The file is a zip of ``model.json`` and of arrays in NumPy's format: `numpy.load` opens it, nothing in it is
ever run, and the same training writes the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base.files import written_whole
from pixmake.classifier.terms import AXES, FEATURES, Filter, spatial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FORMAT = "pixmake pixel classifier 1"
_HEADER = "model.json"
_ARRAYS = ("starts", "feature", "threshold", "left", "right", "votes")


class ModelError(ValueError):
    """A file that is no pixel classifier; the message says why."""


@dataclass(frozen=True)
class Description:
    """What a classifier takes, what it tells apart, and what it was made of."""

    classes: tuple[str, ...]
    """The names of the classes; the first one is label 1."""
    axes: str
    """The axes of the images that it was trained on: one of `pixelterms.AXES`."""
    channels: int
    dtype: str
    """Their type of number: other images would have other values for the same brightness."""
    filters: tuple[Filter, ...]
    trees: int
    seed: int
    pixels: Mapping[str, int] = field(default_factory=dict)
    """How many pixels of each class it was trained on."""
    out_of_bag: float | None = None
    """The share of these that trees which did not see them get right."""
    images: tuple[Mapping[str, str], ...] = ()
    """The training images and their labels: paths and SHA-256 of each."""
    software: Mapping[str, str] = field(default_factory=dict)
    """The versions of what trained it."""

    @property
    def dimensions(self) -> int:
        """2 for planes, 3 for volumes."""
        return len(spatial(self.axes))


@dataclass(frozen=True)
class Forest:
    """Decision trees as arrays over all nodes of all trees, tree after tree, root first."""

    starts: npt.NDArray[np.int64]
    """Where each tree begins, and where the last one ends."""
    feature: npt.NDArray[np.int32]
    """The feature that a node looks at; below 0 in a leaf."""
    threshold: npt.NDArray[np.float64]
    """A pixel goes left if its feature is at most that."""
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    """The next nodes, counted from the tree's root."""
    votes: npt.NDArray[np.float32]
    """Nodes × classes: the probability of each class."""


def read_description(path: str | Path) -> Description:
    """What a classifier's file says of itself; the forest stays unread.

    Raises
    ------
    ModelError
        It is no such file.
    """
    with _opened(path) as archive:
        return _description(archive, path)


def read_model(path: str | Path) -> tuple[Description, Forest]:
    """A classifier whole.

    Raises
    ------
    ModelError
        It is no such file, or its trees are none.
    """
    import numpy as np

    with _opened(path) as archive:
        description = _description(archive, path)
        try:
            arrays = {
                name: np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
                for name in _ARRAYS
            }
        except (KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path}: the classifier's trees cannot be read: {error}") from None
    forest = Forest(**arrays)
    if not _is_forest(forest, len(description.classes)):
        raise ModelError(f"{path}: the classifier's trees are damaged; train it again")
    return description, forest


def write_model(path: str | Path, description: Description, forest: Forest) -> None:
    """Write a classifier; what stood there is replaced once all is written."""
    import numpy as np

    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        content = {"format": FORMAT, **asdict(description)}
        text = json.dumps(content, ensure_ascii=False, indent=1)
        archive.writestr(zipfile.ZipInfo(_HEADER), text, zipfile.ZIP_DEFLATED)
        for name in _ARRAYS:
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, getattr(forest, name), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)


def model_hash(path: str | Path) -> str:
    """A hash of a classifier's file."""
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _opened(path: str | Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no file that `pixmake train` wrote"
        raise ModelError(f"{path}: cannot be read: {why}") from None


def _description(archive: zipfile.ZipFile, path: str | Path) -> Description:
    try:
        content: dict[str, Any] = json.loads(archive.read(_HEADER))
        if content.pop("format") != FORMAT:
            raise ValueError("another version of pixmake wrote it")
        found = Description(
            **{
                **content,
                "classes": tuple(map(str, content["classes"])),
                "filters": tuple(Filter(*each) for each in content["filters"]),
                "images": tuple(content["images"]),
            }
        )
        fits = found.axes in AXES and found.channels > 0 and len(found.classes) > 1 and found.filters
        if not fits or any(each.feature not in FEATURES or not each.scale > 0 for each in found.filters):
            raise ValueError("what it says of itself makes no sense")
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: is no pixel classifier: {error}") from None
    return found


def _is_forest(forest: Forest, classes: int) -> bool:
    """Whether every path from a root ends in a leaf of its own tree: what walks over them does not look."""
    import numpy as np

    starts, count = forest.starts, len(forest.feature)
    shapes = [len(getattr(forest, name)) for name in _ARRAYS[1:]]
    if set(shapes) != {count} or forest.votes.shape != (count, classes) or len(starts) < 2:
        return False
    if starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 1).any():
        return False
    sizes = np.diff(starts)
    at = np.arange(count) - np.repeat(starts[:-1], sizes)
    size = np.repeat(sizes, sizes)
    inner = forest.feature >= 0
    children = [forest.left, forest.right]
    ahead = all(((child > at) & (child < size))[inner].all() for child in children)
    return bool(ahead and np.isfinite(forest.threshold[inner]).all() and np.isfinite(forest.votes).all())
