"""Kind of step ``ilastik``: a project of ilastik, run headless over many images at each start.

ilastik takes seconds to start. So the job of the first image that lacks a result has it work on a whole batch
of images, and stores what it says of each; the jobs of the others find that there, write the step's files and
measure. An image at which ilastik gives up fails alone: it is started again for those behind it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.images.axes import ImageError, Part, is_zarr, left_of
from pixmake.images.fingerprint import fingerprint
from pixmake.images.formats import recognised
from pixmake.images.read import describe_part, read_image, says_what_it_is
from pixmake.images.remote import objects as remote
from pixmake.images.remote.uris import is_remote
from pixmake.images.tiff_tags import is_tiff
from pixmake.images.zarr_paths import metadata_file
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.classified import leave
from pixmake.job.runners.programs import CommandError, last_words, own_folder
from pixmake.job.runners.starts import Store, share, store_of

PRELOAD = ("numpy", "cv2", "h5py", "pixmake.classifier.objects")

SUFFIX = ".npz"
"""Of the files with what ilastik said of each image."""

DATASET = "exported_data"
"""What ilastik calls the result in the HDF5 file that it writes."""

AXES = "czyx"
"""The axes that ilastik is asked for: those of planes have one z."""

IN_VAIN = 3
"""After so many starts in a row that made nothing, the fault is not the images'."""

START_SECONDS = 120
"""What a start may take beyond the step's timeout for an image."""

RAM_SHARE = 0.75
"""Of the job's memory that ilastik is told of: what it is told is no limit to it."""

LEAST_RAM_MB = 500
"""ilastik takes no smaller number."""


@dataclass(frozen=True)
class Image:
    """An image that ilastik is to work on."""

    path: str
    part: Part
    key: str
    """Of what it is and what is done to it: the name under which the result is stored."""


def run(call: Call) -> Outcome:
    """Take what ilastik said of an image, once this job or another has had it work on the batch."""
    work = call.task.work
    (path,), (part,) = call.images, call.parts
    image = _image(work, path, part, dict(zip(call.images, call.task.versions, strict=False)).get(path, ""))
    if call.limits.batches:
        store = store_of(call, SUFFIX)

        def item(job: Mapping[str, Any]) -> Image:
            return _image(work, *job["images"][0])

        starts = share(call, store, image, item, lambda images: _work_on(call, images, store))
        found = _taken(store, image)
    else:
        with own_folder(call) as folder:
            store = Store(folder, SUFFIX)
            starts = _work_on(call, [image], store)
            found = _taken(store, image)
    labels = found["labels"]
    axes = "yx" if labels.ndim == 2 else "zyx"
    left = leave(
        call, work["classes"], labels, found.get("probabilities"), lambda: _pixels(image, axes), axes
    )
    return replace(left, run={"starts": starts})


def _work_on(call: Call, images: Sequence[Image], store: Store) -> int:
    """Have ilastik work on images, and store what it says of each, or why it says nothing.

    ilastik goes through its images in order and ends at the first that it cannot do. What it was writing
    then may be half of a result. So the last result of such a start is not trusted: its image gets a start of
    its own, and those behind it another one. An image that comes first and has no result is to blame.

    Returns
    -------
    int
        How often ilastik was started.
    """
    queue, starts, in_vain, said = list(_batches(call, images, store)), 0, 0, ""
    while queue:
        batch, axes = queue.pop(0)
        if in_vain == IN_VAIN:
            for image in batch:
                store.note(image.key, said)
            continue
        starts += 1
        with own_folder(call) as folder:
            made, said = _ilastik(call, batch, axes, folder)
            trusted = made if not said else made[:-1]
            for image in trusted:
                _store(store.result(image.key), _made(folder, batch.index(image)), call.task.work)
        rest = [image for image in batch if image not in trusted]
        in_vain = 0 if made else in_vain + 1
        if not said:
            for image in rest:
                store.note(image.key, "ilastik ended well, and wrote nothing for this image")
        elif len(batch) == 1 or not made:
            store.note(rest[0].key, said)
            queue[:0] = [(rest[1:], axes)] if rest[1:] else []
        else:
            queue[:0] = [(part, axes) for part in (rest[:1], rest[1:]) if part]
    return starts


def _batches(call: Call, images: Sequence[Image], store: Store) -> Iterator[tuple[list[Image], str]]:
    """The images that can be read at all, by the axes of which ilastik must be told."""
    by_axes: dict[str, list[Image]] = {}
    for image in images:
        store.reason(image.key).unlink(missing_ok=True)
        try:
            axes = _axes_to_tell(image, call.task.work.get("axes"))
        except (ImageError, OSError, remote.RemoteError) as error:
            store.note(image.key, str(error))
        else:
            by_axes.setdefault(axes, []).append(image)
    for axes, found in by_axes.items():
        yield found, axes


def _ilastik(call: Call, images: Sequence[Image], axes: str, folder: Path) -> tuple[list[Image], str]:
    """Start ilastik once: the images of which there is a result, and what it said if it gave up."""
    work = dict(call.task.work)
    # names without spaces, whatever those of the project are: ilastik parts its words at them
    (folder / "made").mkdir()
    project = os.path.abspath(work["project"])
    if any(letter.isspace() for letter in project):
        (folder / "project.ilp").symlink_to(project)
        project = "project.ilp"
    names = [_put(image, folder, number, axes) for number, image in enumerate(images)]
    words = command({**work, "project": project}, names, axes)
    said = _run(words, call, folder)
    made = [image for number, image in enumerate(images) if _made(folder, number).exists()]
    return made, said


def command(work: Mapping[str, Any], images: Sequence[str], axes: str) -> list[str]:
    """The words that run ilastik headless over images.

    `--readonly=1` and not `--readonly`, since ilastik before 1.4 takes the word behind it for its value.
    """
    source = "Probabilities" if work["probabilities"] else "Simple Segmentation"
    stage = " Stage 2" if str(work["workflow"]).startswith("Autocontext") else ""
    program = str(work["program"])
    return [
        os.path.abspath(program) if os.path.sep in program else program,
        "--headless",
        "--readonly=1",
        f"--project={work['project']}",
        f"--export_source={source}{stage}",
        "--output_format=hdf5",
        f"--output_internal_path={DATASET}",
        "--output_filename_format=made/{nickname}.h5",
        f"--output_axis_order={AXES}",
        *([f"--input_axes={axes}"] if axes else []),
        *images,
    ]


def environment(threads: int, mem_mb: int | None) -> dict[str, str]:
    """What tells ilastik how many cores and how much memory it has."""
    told = {"LAZYFLOW_THREADS": str(threads)}
    if mem_mb is None:
        return told
    return {**told, "LAZYFLOW_TOTAL_RAM_MB": str(max(LEAST_RAM_MB, int(mem_mb * RAM_SHARE)))}


def _run(words: Sequence[str], call: Call, folder: Path) -> str:
    """Run ilastik to its end, or until it has made no result for as long as an image may take.

    Returns
    -------
    str
        Why it gave up, if it did.
    """
    log = os.path.abspath(call.log)
    try:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **environment(call.threads, call.limits.mem_mb)},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # there are no threads
        )
    except (FileNotFoundError, PermissionError) as error:
        hint = "name ilastik's start script in the step: program: /opt/ilastik-1.4.1-Linux/run_ilastik.sh"
        raise CommandError(f"{words[0]} could not be started: {error.strerror}; {hint}") from None
    try:
        made, since, patience = (
            0,
            time.monotonic(),
            call.limits.each_timeout and call.limits.each_timeout + START_SECONDS,
        )
        while True:
            try:
                status = process.wait(0.2)
                break
            except subprocess.TimeoutExpired:
                now = len(list((folder / "made").iterdir()))
                if now != made:
                    made, since, patience = now, time.monotonic(), call.limits.each_timeout
                if patience and time.monotonic() - since > patience:
                    limit = f"the step's timeout of {call.limits.each_timeout:g} s"
                    return f"ilastik took longer than {limit} for this image"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"ilastik ended with exit status {status}{last_words(log)}" if status else ""


def _end_with_parent() -> None:
    """Have the kernel end ilastik with this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _axes_to_tell(image: Image, asked: str | None) -> str:
    """The axes of an image that is decoded here for ilastik; none of a file that it reads itself.

    Raises
    ------
    ImageError
        It is no image that can be read, so that ilastik would give up at it.
    """
    path, part = _here(image), image.part
    if os.path.splitext(path)[1].lower() in _ILASTIKS:
        return ""
    if _is_opencvs(path):
        axes = "yx" if read_image(path, part).ndim == 2 else "yxc"
    else:
        described = left_of(describe_part(path, part), part)
        axes = "".join(a for a, size in zip(described.axes, described.shape, strict=True) if size > 1)
    return asked or (axes if is_zarr(path) or part or recognised(path) else "")


def _put(image: Image, folder: Path, number: int, axes: str) -> str:
    """Put an image where ilastik finds it: a file as it is, or the part that is meant, decoded."""
    path = _here(image)
    if not axes:
        name = f"{number:05d}{os.path.splitext(path)[1].lower()}"
        (folder / name).symlink_to(os.path.abspath(path))
        return name
    import numpy as np

    name = f"{number:05d}.npy"
    array = read_image(path, image.part, axes)
    if "c" in axes and _is_opencvs(path):
        # blue is first in OpenCV, and red in ilastik
        order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(array.shape[axes.index("c")], [0])
        array = array.take(order, axis=axes.index("c"))
    np.save(folder / name, array)
    return name


def _here(image: Image) -> str:
    """The image as a file of this machine; an OME-Zarr is read where it is."""
    return image.path if is_zarr(image.path) else remote.local(image.path)


def _is_opencvs(path: str) -> bool:
    return not is_tiff(path) and not says_what_it_is(path)


_ILASTIKS = (".h5", ".hdf5", ".ilp", ".npy", ".npz", ".n5")


def _made(folder: Path, number: int) -> Path:
    return folder / "made" / f"{number:05d}.h5"


def _store(path: Path, made: Path, work: Mapping[str, Any]) -> None:
    """Keep what ilastik made of an image: labels, and probabilities if they are wanted."""
    import h5py
    import numpy as np

    with h5py.File(made, "r") as file:
        array = file[DATASET][()]
    array = array[:, 0] if array.shape[1] == 1 else array
    labels = array.argmax(axis=0) + 1 if work["probabilities"] else array[0]
    stored = {"labels": labels.astype(np.uint8)}
    if work["probabilities"]:
        stored["probabilities"] = array.astype(np.float32)
    with written_whole(path) as temporary:
        np.savez_compressed(temporary, **stored)


def _taken(store: Store, image: Image) -> dict[str, Any]:
    """What is stored of an image.

    Raises
    ------
    CommandError
        Nothing is; the message says why. It is said once: the next attempt has ilastik try again.
    """
    import numpy as np

    if not store.result(image.key).exists():
        raise CommandError(store.taken_reason(image.key))
    with np.load(store.result(image.key), allow_pickle=False) as content:
        return dict(content)


def _image(work: Mapping[str, Any], path: str, part: Part, version: str) -> Image:
    """An image with the name of its result: the same image, part and project have the same.

    ``version`` is that of an object at a URI; what a file is, is looked at.
    """
    known: Any = [path, version]
    if not is_remote(path):
        told = fingerprint(metadata_file(path) if is_zarr(path) else path)
        known = [told.get("size"), told.get("sha256") or told.get("mtime"), path if is_zarr(path) else ""]
    text = json.dumps([dict(work), dict(part), known], sort_keys=True)
    return Image(path, dict(part), hashlib.sha256(text.encode()).hexdigest()[:24])


def _pixels(image: Image, axes: str) -> Any:
    """The pixels of an image, channels first, for what is measured of their values."""
    import numpy as np

    return np.moveaxis(read_image(image.path, image.part, f"{axes}c"), -1, 0)
