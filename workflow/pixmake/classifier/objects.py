"""Measures the objects of a pixel classification: the connected regions of a class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixmake.classifier.terms import PROPERTIES

if TYPE_CHECKING:
    import pandas as pd

Objects = npt.NDArray[np.int32]


def label_objects(labels: npt.NDArray[np.uint8], classes: Sequence[int], smallest: int = 1) -> Objects:
    """Number the connected regions of some classes; corners connect.

    Parameters
    ----------
    labels
        The class of each pixel, in a plane or volume.
    classes
        The labels whose regions are objects.
    smallest
        Pixels below which a region is none.

    Returns
    -------
    ndarray
        As ``labels``, int32: 1, 2, … in the order of each object's first pixel, 0 elsewhere.
    """
    from skimage.measure import label

    wanted = np.where(np.isin(labels, classes), labels, 0)
    objects: Objects = label(wanted, background=0, connectivity=labels.ndim).astype(np.int32)  # type: ignore[no-untyped-call]
    kept = np.bincount(objects.ravel()) >= smallest
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return numbers[objects]


def measure_objects(
    objects: Objects,
    labels: npt.NDArray[np.uint8],
    classes: Sequence[str],
    image: npt.NDArray[Any] | None,
    axes: str,
    properties: Sequence[str],
) -> pd.DataFrame:
    """A row for each object: its number, its class, and its properties (scikit-image's `regionprops`).

    Parameters
    ----------
    objects
        From `label_objects`.
    labels, classes
        The class of each pixel, and the classes' names.
    image
        Channels × the shape of ``objects``: what intensities are of, if any are asked for.
    axes
        The axes of ``objects``, e.g. ``yx``.
    properties
        Of `pixelterms.PROPERTIES`; lengths in pixels, a bounding box without its upper ends.
    """
    import pandas as pd
    from skimage.measure import regionprops_table

    values = None
    if image is not None and any(PROPERTIES[name] == "channels" for name in properties):
        values = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    given = ("label", *properties)
    table = regionprops_table(objects, values, properties=given, separator="-")  # type: ignore[no-untyped-call]
    class_of = np.zeros(int(objects.max(initial=0)) + 1, np.int64)
    class_of[objects.ravel()] = labels.ravel()
    number = table.pop("label")
    columns = {"label": number, "class": [classes[class_of[each] - 1] for each in number]}
    return pd.DataFrame({**columns, **{_column(name, axes): column for name, column in table.items()}})


def column_names(properties: Sequence[str], axes: str, channels: int) -> Iterator[str]:
    """The columns that `measure_objects` makes of some properties."""
    for name in properties:
        of = PROPERTIES[name]
        if of == "axes":
            yield from (_column(f"{name}-{number}", axes) for number in range(len(axes)))
        elif of == "corners":
            yield from (_column(f"{name}-{number}", axes) for number in range(2 * len(axes)))
        elif of == "channels" and channels > 1:
            yield from (_column(f"{name}-{number}", axes) for number in range(channels))
        else:
            yield name


def _column(name: str, axes: str) -> str:
    """A column's name with the axis in it instead of its number: ``centroid-0`` is ``centroid_y``."""
    word, _, number = name.partition("-")
    if not number:
        return word
    if PROPERTIES[word] == "axes":
        return f"{word}_{axes[int(number)]}"
    if PROPERTIES[word] == "corners":
        return f"{word}_{axes[int(number) % len(axes)]}_{'min' if int(number) < len(axes) else 'max'}"
    return f"{word}_{number}"
