"""DICOM: the image of one file, whatever else lies in its folder, in the values that it stands for.

Slope and intercept are applied, palettes and YBR become colours. Frames are an axis: time, where the file
says how long one takes, else depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Described, ImageError
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "DICOM"
SUFFIXES = ("dcm", "dicom")
SEARCHED = True
EXTRA = "dicom"
PACKAGES = ("pydicom.pixels=pydicom",)
SEVERAL = False

_PALETTE = "PALETTE COLOR"


def recognises(head: bytes, path: str) -> bool:
    """By the four letters behind its preamble."""
    return head[128:132] == b"DICM"


def scenes(path: str) -> Sequence[Scene]:
    """The one image of the file."""
    from pydicom import dcmread

    header = dcmread(path, stop_before_pixels=True)
    if "Rows" not in header:
        raise ImageError(f"{path}: holds no image: its pixels are not described")
    frames, colours = _frames(header), _colours(header)
    axes = (("t" if _frame_time(header) else "z") if frames > 1 else "") + "yx" + ("c" if colours > 1 else "")
    shape = [*([frames] if frames > 1 else []), int(header.Rows), int(header.Columns)]
    shape += [colours] if colours > 1 else []
    sizes = {axis: size for axis, size in _sizes(header).items() if axis in axes}
    return [Scene((Described(axes, tuple(shape), _dtype(header), sizes),))]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The frames that are asked for, one after the other."""
    import numpy as np
    from pydicom import dcmread
    from pydicom import pixels as decoding

    header = dcmread(path, stop_before_pixels=True)
    count, first = _frames(header), region[0]
    if count == 1 or header.BitsAllocated == 1:  # frames of single bits need not begin with a byte
        frames = decoding.pixel_array(path)
        whole = frames[first] if count > 1 else frames
    else:
        whole = np.stack(
            [decoding.pixel_array(path, index=number) for number in range(first.start, first.stop)]
        )
    inner = region[1:] if count > 1 else region
    spatial: tuple[Any, ...] = (Ellipsis, *inner[:2], *([slice(None)] if _samples(header) > 1 else []))
    array = _values(np.asarray(whole[spatial]), header)
    if _colours(header) > 1:
        array = array[..., [2, 1, 0, *range(3, array.shape[-1])]][..., inner[2]]
    return array.astype(_dtype(header), copy=False)


def _values(array: Array, header: Any) -> Array:
    from pydicom import pixels as decoding

    if header.PhotometricInterpretation == _PALETTE:
        colours: Array = decoding.apply_color_lut(array, header)
        return colours
    return decoding.apply_rescale(array, header) if _is_rescaled(header) else array


def _dtype(header: Any) -> str:
    """The type of the values that the stored ones stand for."""
    if header.PhotometricInterpretation == _PALETTE:
        bits = int(header.RedPaletteColorLookupTableDescriptor[2])
        return "uint16" if bits > 8 else "uint8"
    if _is_rescaled(header):
        exact = all(float(factor).is_integer() for factor in (header.RescaleSlope, header.RescaleIntercept))
        return (
            "int32"
            if exact and header.BitsAllocated <= 16 and abs(float(header.RescaleSlope)) < 2**14
            else "float32"
        )
    if "FloatPixelData" in header:
        return "float32"
    bits = max(8, int(header.BitsAllocated))
    return f"{'int' if header.PixelRepresentation and bits > 1 else 'uint'}{bits}"


def _is_rescaled(header: Any) -> bool:
    if "RescaleSlope" not in header or "RescaleIntercept" not in header:
        return False
    return (float(header.RescaleSlope), float(header.RescaleIntercept)) != (1.0, 0.0)


def _frames(header: Any) -> int:
    return max(1, int(header.get("NumberOfFrames") or 1))


def _samples(header: Any) -> int:
    return int(header.get("SamplesPerPixel") or 1)


def _colours(header: Any) -> int:
    return 3 if header.PhotometricInterpretation == _PALETTE else _samples(header)


def _frame_time(header: Any) -> float:
    """Milliseconds from frame to frame; 0 if the frames are no times."""
    return float(header.get("FrameTime") or 0)


def _sizes(header: Any) -> dict[str, tuple[float, str]]:
    """As far as the file says them; the distance of rows stands first."""
    sizes: dict[str, float] = {}
    spacing = header.get("PixelSpacing")
    if spacing:
        sizes |= {"y": float(spacing[0]), "x": float(spacing[1])}
    if header.get("SpacingBetweenSlices"):
        sizes["z"] = abs(float(header.SpacingBetweenSlices))
    told = {axis: (size, "millimeter") for axis, size in sizes.items() if size > 0}
    time = _frame_time(header)
    return told | ({"t": (time / 1000, "second")} if time > 0 else {})
