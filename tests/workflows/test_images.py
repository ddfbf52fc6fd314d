"""Which files can be images, and what an analysis gets."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import skimage
from tests.conftest import Project

SEEN = """\
def measure(image, path):
    with open(path, "rb") as file:
        size = len(file.read())
    return {
        "shape": "x".join(map(str, image.shape)),
        "dtype": str(image.dtype),
        "sum": int(image.astype("float64").sum()),
        "corner": [int(value) for value in image[0, 0].ravel()],
        "bytes": size,
    }
"""

STRANGE = [
    "with space.png",
    'it\'s "quoted".png',
    "größe – 植物.png",
    "{braces}.png",
    "{output.record}.png",
    "<angles>.png",
    "$HOME.png",
    "a;touch hacked.png",
    "`touch hacked`.png",
    "$(touch hacked).png",
    "-n.png",
    "--help.png",
    " leading and trailing .png",
    "percent%s%d.png",
    "back\\slash.png",
    "star*?.png",
    "n" * 200 + ".png",
]


def test_any_file_name(project: Project) -> None:
    """No file name breaks a run or is interpreted by a shell; each image gets its own result."""
    project.write("scripts/analysis.py", SEEN)
    project.configure(
        images={"table": "config/images.csv"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
    )
    for number, name in enumerate(STRANGE):
        project.draw(name, level=10 * number)
    project.list_images([{"path": name, "number": number} for number, name in enumerate(STRANGE)])
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    rows = project.rows()
    # a spreadsheet would take what begins with `-` or `=` for a formula
    assert [row["path"].removeprefix("'") for row in rows] == STRANGE
    assert len({row["id"] for row in rows}) == len(STRANGE)
    for row, name in zip(rows, STRANGE, strict=True):
        image = cv2.imdecode(np.fromfile(project.folder / name, np.uint8), cv2.IMREAD_UNCHANGED)
        assert int(row["sum"]) == int(image.sum())
        assert int(row["bytes"]) == (project.folder / name).stat().st_size
    assert not list(project.folder.rglob("hacked*"))
    assert "Nothing to be done" in project.snakemake().err

    before = project.started()
    project.draw("{braces}.png", level=250)
    assert project.snakemake().code == 0
    changed = {job for job, started in project.started().items() if before[job] != started}
    assert [project.record(*job.split("/"))["metadata"]["path"] for job in changed] == ["{braces}.png"]


def test_what_an_image_becomes(project: Project) -> None:
    """Depth and channels are kept, a photograph is upright, several pages are an error that says so."""
    project.write("scripts/analysis.py", SEEN)
    grey = np.arange(12 * 20, dtype=np.uint8).reshape(12, 20)
    deep = grey.astype(np.uint16) * 200
    colour = np.dstack([grey, grey // 2, 255 - grey])
    files = {
        "grey8.png": grey,
        "grey16.png": deep,
        "grey16.tif": deep,
        "colour.tif": colour,
        "float.tif": grey.astype(np.float32) / 2,
        "alpha.png": np.dstack([colour, np.full_like(grey, 9)]),
    }
    for name, array in files.items():
        project.write(f"images/{name}", cv2.imencode(Path(name).suffix, array)[1].tobytes())
    photograph = np.zeros((40, 60, 3), np.uint8)
    photograph[:, :30] = (0, 0, 255)
    plain = cv2.imencode(".jpg", photograph)[1].tobytes()
    project.write("images/turned.jpg", plain[:2] + exif(orientation=6) + plain[2:])
    cv2.imwritemulti(str(project.folder / "images/pages.tif"), [grey, grey])
    names = [*files, "turned.jpg", "pages.tif"]
    project.list_images([{"path": name, "name": name} for name in names])
    project.configure(
        images={"table": "config/images.csv", "root": "images", "id": "{name}"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        max_failures=1,
    )
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    rows = {row["name"]: (row["shape"], row["dtype"]) for row in project.rows()}
    assert rows == {
        "grey8.png": ("12x20", "uint8"),
        "grey16.png": ("12x20", "uint16"),
        "grey16.tif": ("12x20", "uint16"),
        "colour.tif": ("12x20x3", "uint8"),
        "float.tif": ("12x20", "float32"),
        "alpha.png": ("12x20x4", "uint8"),
        "turned.jpg": ("60x40x3", "uint8"),
    }
    blue, _, red = project.record("measure", "turned.jpg")["measurements"]["corner"]["value"]
    assert red > 200 > blue, "the red half is at the top once the picture is upright"
    (failed,) = project.rows("failures.csv")
    assert failed["message"].startswith("images/pages.tif: has 2 pages; one image a file is read: name one")


def test_real_photographs(project: Project) -> None:
    """The pictures that scikit-image brings are read as scikit-image reads them."""
    folder = Path(skimage.__file__).parent / "data"
    pictures = sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg", ".tif"))
    assert len(pictures) >= 5
    project.write("scripts/analysis.py", SEEN)
    project.list_images([{"path": str(path)} for path in pictures])
    project.configure(
        images={"table": "config/images.csv"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        max_failures=len(pictures),
    )
    assert project.snakemake().code == 0
    pages = {row["path"] for row in project.rows("failures.csv")}
    assert all("pages" in row["message"] for row in project.rows("failures.csv"))
    for row in project.rows():
        array = skimage.io.imread(row["path"])
        assert row["shape"] == "x".join(map(str, array.shape))
        if row["dtype"] == str(array.dtype) and not row["path"].endswith(".jpg"):
            assert int(row["sum"]) == int(array.astype("float64").sum())
    assert len(project.rows()) + len(pages) == len(pictures)


def exif(orientation: int) -> bytes:
    """An EXIF header that holds an orientation and nothing else."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
