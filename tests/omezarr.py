"""OME-Zarr images that tests make for themselves, by the reference implementation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from ome_zarr.format import format_from_version
from ome_zarr.writer import write_image, write_plate_metadata, write_well_metadata

PIXEL = 0.5
"""Micrometres."""


def write(
    pixels: np.ndarray,
    path: Path | zarr.Group,
    axes: str,
    version: str = "0.4",
    *,
    channels: Sequence[str] = (),
) -> None:
    """An image of two levels, in chunks of one plane of 32 × 32 pixels."""
    chunks = tuple(32 if axis in "yx" else 1 for axis in axes)
    shown = {"color": "FFFFFF", "window": {"min": 0, "max": 1, "start": 0, "end": 1}}
    named = [{"label": name, **shown} for name in channels]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_image(
            pixels,
            path if isinstance(path, zarr.Group) else str(path),
            fmt=format_from_version(version),
            axes=axes,
            scale={axis: PIXEL if axis in "yx" else 2.0 for axis in axes if axis != "c"},
            axes_units={axis: "second" if axis == "t" else "micrometer" for axis in axes if axis != "c"},
            scale_factors=(2,),
            storage_options={"chunks": chunks},
            **({"omero": {"channels": named}} if named else {}),
        )


def write_plate(
    fields: Mapping[str, np.ndarray], path: Path, axes: str, version: str = "0.4", **how: Any
) -> None:
    """A plate of fields such as ``A/1/0``."""
    form = format_from_version(version)
    plate = zarr.open_group(str(path), mode="w", zarr_format=form.zarr_format)
    wells = sorted({name.rpartition("/")[0] for name in fields})
    rows, columns = ({well.split("/")[part] for well in wells} for part in (0, 1))
    write_plate_metadata(plate, sorted(rows), sorted(columns), wells, fmt=form)
    for well in wells:
        group = plate.require_group(well)
        own = [name.rpartition("/")[2] for name in fields if name.startswith(f"{well}/")]
        write_well_metadata(group, own, fmt=form)
        for name in own:
            write(fields[f"{well}/{name}"], group.require_group(name), axes, version, **how)
