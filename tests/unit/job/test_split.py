"""Finding images in a container: what is found, what it is called, and what is wrong with a container."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from pixmake.base.errors import PixmakeError
from pixmake.config.models import Config
from pixmake.images.read import ImageError, read_image
from pixmake.job.runners import Call
from pixmake.job.runners.split import run
from pixmake.job.task import Task
from pixmake.plan.plan import plan_project


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def split(path: str, work: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    """What is found in a container, as it is listed."""
    task = Task("split", "c", "split", work, "", {"path": path, "plant": "A"}, params)
    listed = "results/split/c.images.jsonl"
    outcome = run(Call(task, (path,), {}, {"images": listed}))
    found = [json.loads(line) for line in Path(listed).read_text().splitlines()]
    assert outcome.measurements["images"]["value"] == len(found)
    assert len(list(Path("results/split/c.images").iterdir())) == len(found)
    return found


def png(level: int) -> bytes:
    return bytes(cv2.imencode(".png", np.full((4, 5), level, np.uint8))[1].tobytes())


def test_pages_of_a_tiff() -> None:
    """Each page is a TIFF of the same values, whatever its depth; a file that is none is told."""
    pages = [np.full((6, 7), 1000 * number, np.uint16) for number in range(5)]
    assert cv2.imwritemulti("stack.tif", pages)
    found = split("stack.tif", {"pages": {"every": 2}})
    assert [each["image"] for each in found] == ["page0000", "page0002", "page0004"]
    assert [each["metadata"] for each in found] == [{"page": 0}, {"page": 2}, {"page": 4}]
    assert np.array_equal(read_image(found[2]["path"]), pages[4])
    Path("no.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(ImageError, match=r"no\.tif: the file is cut short"):
        split("no.tif", {"pages": {"every": 1}})


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_members_of_an_archive(kind: str) -> None:
    """Images are found in all folders, without hidden files; a path that leads out of it stays in."""
    members = {
        "day1/a.png": png(1),
        "day2/a.PNG": png(2),
        "../out.png": png(3),
        "__MACOSX/day1/._a.png": b"x",
        "notes.txt": b"x",
    }
    if kind == "zip":
        with zipfile.ZipFile("c.zip", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open("c.tar.gz", "w:gz") as tar:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    found = split(f"c.{kind}", {"members": {"match": []}})
    assert [each["metadata"]["member"] for each in found][:2] == ["day1/a.png", "day2/a.PNG"]
    assert len(found) in (2, 3)
    assert read_image(found[1]["path"]).max() == 2
    assert sorted(path.name for path in Path().iterdir()) == sorted([f"c.{kind}", "results"])
    assert [each["image"] for each in split(f"c.{kind}", {"members": {"match": "day2/*"}})] == ["day2/a"]


def archive(name: str, members: dict[str, bytes]) -> str:
    with tarfile.open(name, "w:gz") as tar:
        for member, content in members.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return name


@pytest.mark.parametrize("match", [[], "day1/*.png", "./day1/*"])
def test_members_are_called_as_they_are_meant(match: Any) -> None:
    """`tar .` writes ./day1/a.png, Windows day1\\\\b.png: patterns and names do without that."""
    archive("c.tgz", {"./day1/a.png": png(1), "day1\\b.png": png(2), "./@eaDir/a.png": b"x"})
    found = split("c.tgz", {"members": {"match": match}})
    assert [each["metadata"]["member"] for each in found] == ["day1/a.png", "day1/b.png"]
    assert [each["image"] for each in found] == ["day1/a", "day1/b"]


def test_members_of_one_name() -> None:
    """Two members that become one file name, or one on some systems, are two images."""
    levels = {"a/b.png": 1, "a_b.png": 2, "A/B.png": 3, "x.png": 4, "x.bmp": 5}
    images = {
        name: bytes(cv2.imencode(name[-4:], np.full((4, 5), level, np.uint8))[1].tobytes())
        for name, level in levels.items()
    }
    found = split(archive("c.tgz", images), {"members": {"match": []}})
    assert [int(read_image(each["path"]).max()) for each in found] == [1, 2, 3, 4, 5]
    assert len({each["image"] for each in found}) == 5
    assert len({each["path"].lower() for each in found}) == 5


def test_a_hard_link_is_a_member() -> None:
    """`tar` packs a file of two names once, and links the other one to it."""
    with tarfile.open(archive("c.tgz", {"a.png": png(3)}), "w") as tar:
        first = tarfile.TarInfo("a.png")
        first.size = len(png(3))
        tar.addfile(first, io.BytesIO(png(3)))
        link = tarfile.TarInfo("b.png")
        link.type, link.linkname = tarfile.LNKTYPE, "a.png"
        tar.addfile(link)
    found = split("c.tgz", {"members": {"match": []}})
    assert [int(read_image(each["path"]).max()) for each in found] == [3, 3]


@pytest.mark.parametrize(
    ("members", "how", "message"),
    [
        ({}, {"match": []}, "c.tgz: it holds no image: it is empty"),
        ({"a.txt": b"x"}, {"match": []}, "c.tgz: it holds no image: there are 'a.txt'"),
        ({"a.png": b"x"}, {"match": "*.tif"}, "c.tgz: no member matches '*.tif': there are 'a.png'"),
        (
            {"a.png": b"x" * 2000},
            {"match": [], "member_gb": 1e-6},
            "c.tgz: a.png holds more than 1e-06 GB (images.checkpoint.members.member_gb raises that)",
        ),
        (
            {"a.png": b"x" * 600, "b.png": b"x" * 600},
            {"match": [], "total_gb": 1e-6},
            "c.tgz: its images hold more than 1e-06 GB (images.checkpoint.members.total_gb raises that)",
        ),
    ],
)
def test_archives_that_fail(members: dict[str, bytes], how: dict[str, Any], message: str) -> None:
    """An archive without an image, and one that unpacks to more than may be, fail in words."""
    with pytest.raises(ImageError) as raised:
        split(archive("c.tgz", members), {"members": how})
    assert str(raised.value) == message
    assert not Path("results/split/c.images").exists()


def test_own_function() -> None:
    """A function yields arrays or files, with metadata or without."""
    Path("own.py").write_text(
        "import numpy as np\n\n\ndef tiles(path, meta, *, n):\n"
        "    for number in range(n):\n"
        "        yield np.full((3, 3), number, np.float32), {'image': f't{number}', 'x': np.int64(number)}\n"
        "    yield path\n"
    )
    Path("a.png").write_bytes(png(9))
    found = split("a.png", {"function": "own.py:tiles"}, n=2)
    assert [each["image"] for each in found] == ["t0", "t1", "image000002"]
    assert found[1]["metadata"] == {"x": 1}
    assert read_image(found[1]["path"]).dtype == np.float32
    assert read_image(found[2]["path"]).max() == 9


def test_a_cut_video() -> None:
    """A video that ends too early is an error, and what an earlier run has found stays whole."""
    writer = cv2.VideoWriter("a.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(40):
        writer.write(np.full((48, 64, 3), number, np.uint8))
    writer.release()
    assert [each["metadata"]["frame"] for each in split("a.avi", {"frames": {"every": 15}})] == [0, 15, 30]
    content = Path("a.avi").read_bytes()
    Path("a.avi").write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageError, match=r"cut short|cannot be decoded|is not a video"):
        split("a.avi", {"frames": {"every": 15}})
    assert len(list(Path("results/split/c.images").iterdir())) == 3


def problems(checkpoint: dict[str, Any], **keys: Any) -> Iterator[str]:
    Path("a.py").write_text("def f(path, n): ...\ndef g(image): ...\n")
    Path("a.avi").touch()
    Path("t.csv").write_text("path,frame\na.avi,1\n")
    content = {"images": {"table": "t.csv", "checkpoint": checkpoint}, "steps": {"s": {"function": "a.py:g"}}}
    with pytest.raises(PixmakeError) as raised:
        plan_project({**content, **keys}, [])
    return (str(problem) for problem in raised.value.problems)


@pytest.mark.parametrize(
    ("checkpoint", "expected"),
    [
        ({}, "config: images.checkpoint: does not say what to find; it has exactly one of: frames, pages"),
        ({"frames": {}, "pages": {}}, "config: images.checkpoint: names frames and pages; it has exactly"),
        ({"frames": {"every": 2, "seconds": 1}}, "config: images.checkpoint.frames: give either every or s"),
        (
            {"frames": {"evry": 2}},
            "config: unknown key images.checkpoint.frames.evry (did you mean 'every'?)",
        ),
        ({"frames": {}}, "images.checkpoint: the table has a column 'frame', but found images get one"),
        ({"function": "a.py:h"}, "images.checkpoint.function: a.py has no function 'h'"),
        ({"function": "a.py:f"}, "images.checkpoint.function: a.py:f needs the argument 'n'"),
        (
            {"function": "a.py:f", "params": {"n": 1, "m": 2}},
            "images.checkpoint.params: a.py:f has no argument",
        ),
    ],
)
def test_wrong_checkpoints(checkpoint: dict[str, Any], expected: str) -> None:
    """What is wrong with a checkpoint is told before anything runs."""
    found = list(problems(checkpoint))
    assert any(problem.startswith(expected) for problem in found), found


def test_columns_of_found_images() -> None:
    """Columns that found images will not have are told before anything runs, all at once."""
    Path("plain.csv").write_text("path,plant\na.avi,P1\n")
    images = {"table": "plain.csv", "checkpoint": {"pages": {}}, "id": "{plnt}_{page}", "group_by": ["frame"]}
    steps = {"s": {"shell": "wc -c {images} > {result}", "per": ["plant", "seconds"]}}
    found = list(problems({}, images=images, steps=steps))
    assert [problem.partition(" (")[0] for problem in found] == [
        "images.id: found images have no column 'plnt'",
        "images.group_by: found images have no column 'frame'",
        "steps.s.per: found images have no column 'seconds'",
    ]


def test_a_step_called_split() -> None:
    """The name of the step that finds the images is taken."""
    found = list(problems({"pages": {}}, steps={"split": {"function": "a.py:g"}}))
    assert found[0].startswith("steps.split: a step cannot be called 'split'")


def test_config_survives_the_way_through_a_command() -> None:
    """The command of the checkpoint reads the very config that the rules were made of."""
    from pixmake.config.models import parse_config
    from pixmake.rules.checkpoint_rules import config_content

    content = {
        "images": {
            "table": "t.csv",
            "checkpoint": {"frames": {"every": 2}},
            "select": {"start": "2024-01-01", "where": {"a": [1, "x"], "b": {"min": 2}}, "sample": 3},
        },
        "steps": {
            "s": {"function": "a.py:g", "resources": {"mem_mb": [1, 2], "gpu": "1 * attempt"}, "retries": 1}
        },
        "max_failures": "5%",
    }
    config: Config = parse_config(content)
    assert parse_config(json.loads(json.dumps(config_content(config)))) == config


@pytest.mark.parametrize("suffix", ["png", "gif", "webp"])
def test_frames_of_an_animation(suffix: str) -> None:
    """By number and by time, as of a video."""
    frames = [np.full((20, 30, 3), 40 * number, np.uint8) for number in range(4)]
    first, *rest = map(Image.fromarray, frames)
    first.save(f"moving.{suffix}", save_all=True, append_images=rest, duration=100)
    found = split(f"moving.{suffix}", {"frames": {"every": 2}})
    assert [each["metadata"] for each in found] == [{"frame": 0, "seconds": 0}, {"frame": 2, "seconds": 0.2}]
    assert abs(int(read_image(found[1]["path"])[5, 5, 0]) - 80) < 8
    found = split(f"moving.{suffix}", {"frames": {"seconds": 0.3}})
    assert [each["metadata"]["frame"] for each in found] == [0, 3]


def test_pages_that_opencv_cannot_write() -> None:
    """Each of its own type, with all of its bands, colours as colours."""
    stack = {
        "bands": (np.arange(40, dtype=np.int32).reshape(1, 4, 5, 2), {"planarconfig": "contig"}),
        "doubles": (np.arange(40, dtype=np.float64).reshape(2, 4, 5) / 3, {}),
        "colours": (np.arange(120, dtype=np.uint8).reshape(2, 4, 5, 3), {"photometric": "rgb"}),
    }
    for name, (pages, how) in stack.items():
        tifffile.imwrite(f"{name}.tif", pages, metadata=None, **{"photometric": "minisblack", **how})
        found = split(f"{name}.tif", {"pages": {"every": 1}})
        for each, page in zip(found, pages, strict=True):
            assert np.array_equal(read_image(each["path"]), page[..., ::-1] if name == "colours" else page)
            assert read_image(each["path"]).dtype == page.dtype
