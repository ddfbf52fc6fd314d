"""Objects at URIs: read, found, counted; servers that fail, that are slow, that refuse."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.objectstore import SECRET, Bucket, WebFolder

from pixmake.base.errors import PixmakeError
from pixmake.config.models import parse_config
from pixmake.config.storage import Storage
from pixmake.images.remote import cache as copies
from pixmake.images.remote import objects as remote
from pixmake.images.remote import zarr_store
from pixmake.images.remote.objects import RemoteError


@pytest.fixture(autouse=True)
def nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(remote, "FIRST_PAUSE", 0.01)
    yield
    remote.configure({})


def reach(bucket: Bucket, folder: Path, **more: object) -> None:
    remote.configure({"endpoint_url": bucket.endpoint, "cache": str(folder / "cache"), **more})


def test_a_file_is_fetched_once_for_each_version(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.log_in(monkeypatch)
    reach(bucket, tmp_path)
    uri = bucket.uri("plate 1/ä #1.png")
    bucket.put("plate 1/ä #1.png", b"one" * 1000)
    assert remote.open_bytes(uri) == b"one" * 1000
    bucket.traffic.reset()
    path = remote.local_file(uri)
    assert Path(path).read_bytes() == b"one" * 1000 and path.endswith(".png")
    assert bucket.traffic.sent == 0  # the version is asked for, the file is here
    remote.configure(None, {uri: str(remote.version(uri))})
    bucket.traffic.reset()
    remote.open_bytes(uri)
    assert not bucket.traffic.requests  # the plan has told the version
    bucket.put("plate 1/ä #1.png", b"two" * 1000)
    remote.configure()
    assert remote.open_bytes(uri) == b"two" * 1000


def test_what_has_changed_since_the_plan_is_not_taken_for_it(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.log_in(monkeypatch)
    reach(bucket, tmp_path)
    bucket.put("a.png", b"one")
    uri = bucket.uri("a.png")
    planned = {uri: str(remote.version(uri))}
    bucket.put("a.png", b"two")
    remote.configure(None, planned)
    with pytest.raises(RemoteError, match="has changed since the run began"):
        remote.open_bytes(uri)
    bucket.delete("a.png")
    with pytest.raises(RemoteError, match="is not there any more"):
        remote.open_bytes(uri)
    remote.configure()
    assert not remote.exists(uri)


def test_a_public_bucket_needs_no_credentials(public_bucket: Bucket, tmp_path: Path) -> None:
    public_bucket.put("a.png", b"open")
    reach(public_bucket, tmp_path, anon=True)
    assert remote.open_bytes(public_bucket.uri("a.png")) == b"open"


def test_wrong_credentials_are_told_without_them(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bucket.put("a.png", b"x")
    reach(bucket, tmp_path, retries=1)
    with pytest.raises(
        RemoteError, match=r"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or storage\.pro"
    ):
        remote.open_bytes(bucket.uri("a.png"))
    reach(bucket, tmp_path, anon=True)
    with pytest.raises(RemoteError, match=r"access is denied.*storage\.anon is true"):
        remote.open_bytes(bucket.uri("a.png"))
    bucket.log_in(monkeypatch)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{SECRET}x")
    reach(bucket, tmp_path)
    with pytest.raises(RemoteError, match=r"access is denied.*AWS_SECRET_ACCESS_KEY right") as told:
        remote.versions([bucket.uri(f"{number}.png") for number in range(20)])
    assert SECRET not in f"{told.value!r}{capfd.readouterr()}"
    (tmp_path / "credentials").write_text(
        f"[lab]\naws_access_key_id = PIXMAKETESTKEY000001\naws_secret_access_key = {SECRET}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    reach(bucket, tmp_path, profile="lab")
    assert remote.open_bytes(bucket.uri("a.png")) == b"x"
    reach(bucket, tmp_path, profile="lba")
    with pytest.raises(RemoteError, match=r"lba.*storage\.profile names one"):
        remote.open_bytes(bucket.uri("a.png"))


def test_many_versions_in_few_requests(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.log_in(monkeypatch)
    reach(bucket, tmp_path)
    for number in range(30):
        bucket.put(f"p/{number}.png", bytes([number]))
    bucket.put("q/r/one.png", b"1")
    uris = [bucket.uri(f"p/{number}.png") for number in range(32)] + [bucket.uri("q/r/one.png")]
    bucket.traffic.reset()
    found = remote.versions(uris)
    assert len(bucket.traffic.requests) == 2
    assert [uri for uri, version in found.items() if version is None] == uris[30:32]
    assert len({version for version in found.values() if version}) == 31
    assert remote.versions(uris) == found and len(bucket.traffic.requests) == 2
    remote.configure()
    assert remote.versions(uris[:2]) == {uri: found[uri] for uri in uris[:2]}
    remote.configure()
    assert remote.list_below(bucket.uri("q")) == ["r/one.png"]
    assert remote.list_below(bucket.uri("q"), recursive=False) == []
    assert len(remote.list_below(bucket.uri())) == 31
    assert remote.version(uris[32]) == found[uris[32]]


@pytest.mark.parametrize("fault", ["fail_every", "cut_every"])
def test_requests_that_fail_are_sent_again(
    bucket: Bucket, web: WebFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    bucket.log_in(monkeypatch)
    reach(bucket, tmp_path)
    content = os.urandom(50_000)
    for number in range(6):
        bucket.put(f"{number}.png", content)
        web.put(f"{number}.png", content)
    for traffic in (bucket.traffic, web.traffic):
        traffic.reset()
        setattr(traffic, fault, 3)
    for number in range(6):
        assert remote.open_bytes(bucket.uri(f"{number}.png")) == content
        assert remote.open_bytes(f"{web.url}/{number}.png") == content
    assert bucket.traffic.failed > 3 and web.traffic.failed > 3
    bucket.traffic.fail_every = 1
    bucket.put("never.png", b"")
    reach(bucket, tmp_path, retries=2)
    with pytest.raises(RemoteError, match="cannot be read, 3 times"):
        remote.open_bytes(bucket.uri("never.png"))


def test_the_web(web: WebFolder, tmp_path: Path) -> None:
    remote.configure({"cache": str(tmp_path / "cache"), "retries": 1})
    url = web.put("a b/c.png", b"web").replace(" ", "%20")
    assert remote.open_bytes(url) == b"web" and remote.local_file(url).endswith("/c.png")
    first = remote.version(url)
    web.put("a b/c.png", b"new")
    remote.configure()
    assert remote.version(url) != first and remote.open_bytes(url) == b"new"
    assert not remote.exists(f"{web.url}/none.png")
    with pytest.raises(RemoteError, match="does not list its files"):
        remote.list_below(web.url + "/a")
    with pytest.raises(RemoteError, match=r"cannot be reached.*is the address right"):
        remote.open_bytes("http://127.0.0.1:1/a.png")
    with pytest.raises(RemoteError) as told:
        remote.open_bytes("https://me:hidden@example.org/a.png")
    assert "~/.netrc" in str(told.value) and "hidden" not in str(told.value)
    with pytest.raises(RemoteError, match="ftp:// is not among"):
        remote.open_bytes("ftp://example.org/a.png")


def test_a_plane_of_a_zarr_reads_its_chunks_alone(
    bucket: Bucket, web: WebFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zarr

    bucket.log_in(monkeypatch)
    reach(bucket, tmp_path)
    planes = np.random.default_rng(1).integers(0, 60_000, (3, 128, 128), dtype=np.uint16)
    for form in (2, 3):
        group = zarr.open_group(tmp_path / f"f{form}.zarr", mode="w", zarr_format=form)
        array = group.create_array("0", shape=planes.shape, dtype="uint16", chunks=(1, 64, 128))
        array[:] = planes
        bucket.upload(tmp_path / f"f{form}.zarr", f"f{form}.zarr")
        for path in (tmp_path / f"f{form}.zarr").rglob("*"):
            if path.is_file():
                web.put(str(path.relative_to(tmp_path)), path)
        for uri, traffic in (
            (bucket.uri(f"f{form}.zarr"), bucket.traffic),
            (f"{web.url}/f{form}.zarr", web.traffic),
        ):
            traffic.reset()
            traffic.fail_every = 3
            found = zarr.open_group(zarr_store.store(uri), mode="r")["0"][1]
            assert (found == planes[1]).all()
            assert planes[1].nbytes * 0.5 < traffic.sent < planes[1].nbytes * 1.1 + 5_000
            assert traffic.failed
            traffic.reset()
            assert remote.version(uri)
            assert remote.version(uri.replace(".zarr", "x.zarr")) is None


def test_a_missing_chunk_is_empty_and_a_refused_one_is_an_error(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zarr

    bucket.log_in(monkeypatch)
    reach(bucket, tmp_path, retries=1)
    array = zarr.open_array(
        tmp_path / "a.zarr", mode="w", shape=(2, 4), chunks=(1, 4), dtype="u1", fill_value=9
    )
    array[0] = 1
    bucket.upload(tmp_path / "a.zarr", "a.zarr")
    found = zarr.open_array(zarr_store.store(bucket.uri("a.zarr")), mode="r")
    assert found[1].tolist() == [9, 9, 9, 9]
    bucket.traffic.fail_every = 1
    with pytest.raises(RemoteError, match="cannot be read, 2 times"):
        found[0]


def fill(folder: Path, name: str, size: int, limit: int) -> copies.Copy:
    def fetch(path: str) -> None:
        Path(path).write_bytes(b"x" * size)

    return copies.obtain(f"s3://b/{name}", "1", fetch, folder, limit)


def test_copies_keep_to_their_limit(tmp_path: Path) -> None:
    used = fill(tmp_path, "used", 400, 1000)
    for name in "abc":
        fill(tmp_path, name, 250, 1000).release()
        time.sleep(0.01)
    assert Path(used.path).exists()  # the oldest, but in use
    there = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.name in ("used", "a", "b", "c"))
    assert there <= 1000 and Path(fill(tmp_path, "c", 1, 1000).path).stat().st_size == 250
    used.release()
    for name in "defg":
        fill(tmp_path, name, 250, 1000).release()
    assert not Path(used.path).exists() and not Path(used.path).parent.exists()


def test_an_object_larger_than_all_copies_may_be_is_refused(web: WebFolder, tmp_path: Path) -> None:
    """What came of it is gone, and is not counted."""
    uri = web.put("large.bin", b"x" * 3_000)
    remote.configure({"cache": str(tmp_path), "cache_size": 2_000, "retries": 0})
    with pytest.raises(RemoteError, match=r"has 3,000 bytes, more than all local copies may have together"):
        remote.open_bytes(uri)
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("large.bin"))
    assert copies.count(tmp_path, 0) == 0
    remote.configure({"cache": str(tmp_path), "cache_size": 4_000, "retries": 0})
    assert len(remote.open_bytes(uri)) == 3_000
    assert copies.count(tmp_path, 0) == 3_000


def test_what_a_broken_download_has_booked_is_given_back(web: WebFolder, tmp_path: Path) -> None:
    """After a failure there is as much room for local copies as before."""
    uri = web.put("broken.bin", b"x" * 200_000)
    remote.configure({"cache": str(tmp_path), "cache_size": 250_000, "retries": 0})
    version = remote.version(uri)
    remote.configure(None, {uri: str(version)})
    web.traffic.cut_every = 1
    with pytest.raises(RemoteError, match="cannot be read"):
        remote.open_bytes(uri)
    web.traffic.reset()
    assert copies.count(tmp_path, 0) == 0
    assert not list(tmp_path.rglob("*.part"))
    assert len(remote.open_bytes(uri)) == 200_000
    assert copies.count(tmp_path, 0) == 200_000


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that accepts and says nothing: after a stated time, whatever number of retries is left."""
    monkeypatch.setattr(remote, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(remote, "GIVE_UP_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        remote.configure({"cache": str(tmp_path), "retries": 1_000, "region": "silent"})
        begun = time.monotonic()
        with pytest.raises(RemoteError, match="cannot be read"):
            remote.open_bytes(f"http://127.0.0.1:{server.getsockname()[1]}/a.png")
        assert time.monotonic() - begun < 20
    remote.configure({})


WORKER = """\
import sys, time
from pathlib import Path
from pixmake.images.remote import cache as copies
folder, number, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])

def fetch(path):
    with open(folder.parent / "fetched", "a") as log:
        log.write(f"{number}\\n")
    with open(path, "wb") as file:
        for _ in range(10):
            file.write(b"x" * 100)
            file.flush()
            time.sleep(seconds / 10)

for name in range(5):
    copy = copies.obtain(f"s3://b/{name}", "1", fetch, folder, int(sys.argv[4]))
    assert Path(copy.path).stat().st_size == 1000, copy.path
    time.sleep(0.001)
    assert Path(copy.path).read_bytes() == b"x" * 1000
    copy.release()
print("done")
"""


def start(folder: Path, number: int, seconds: float, limit: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WORKER, str(folder), str(number), str(seconds), str(limit)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_many_processes_fetch_once_and_a_killed_one_leaves_no_half(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    killed = start(folder, 99, 30, 10**6)
    while not list(folder.rglob("*.part")):
        time.sleep(0.01)
    others = [start(folder, number, 0.02, 10**6) for number in range(6)]
    time.sleep(0.3)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert [each.communicate(timeout=60)[0] for each in others] == ["done\n"] * 6
    assert len((tmp_path / "fetched").read_text().splitlines()) == 1 + 5
    assert not list(folder.rglob("*.part"))
    # so small a cache that they remove what others have just fetched
    rest = [start(folder, number, 0.0, 1500) for number in range(6)]
    assert [each.communicate(timeout=60)[0] for each in rest] == ["done\n"] * 6


def test_a_program_cannot_change_the_copy(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.log_in(monkeypatch)
    reach(bucket, tmp_path)
    bucket.put("a/.hid den?.png", b"x")
    path = remote.local_file(bucket.uri("a/.hid den?.png"))
    assert not Path(path).stat().st_mode & 0o222 and re.fullmatch(r"[\w. ]+\.png", Path(path).name)


def test_the_folder_of_copies_may_name_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCRATCH_OF_NODE", str(tmp_path))
    assert copies.folder_of("$SCRATCH_OF_NODE/pixmake") == tmp_path / "pixmake"
    with pytest.raises(OSError, match="variable"):
        copies.folder_of("$NO_SUCH_VARIABLE/pixmake")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"secret_key": SECRET}, "secret_key"),
        ({"endpoint_url": f"https://me:{SECRET}@minio.example.org"}, "holds credentials"),
        ({"endpoint_url": "minio.example.org"}, "is no address"),
        ({"cache_size": "much"}, "is no size such as `20GB`"),
    ],
)
def test_config_takes_no_credentials(said: dict[str, str], told: str) -> None:
    content = {"images": {"table": "t.csv"}, "steps": {"a": {"function": "a.py:a"}}, "storage": said}
    with pytest.raises(PixmakeError, match=told) as error:
        parse_config(content)
    assert SECRET not in str(error.value)


def test_sizes_are_read_as_people_write_them() -> None:
    assert [Storage(cache_size=size).cache_size for size in ("20 GB", "1.5TB", "500", 7)] == [  # type: ignore[arg-type]
        20 * 10**9,
        15 * 10**11,
        500,
        7,
    ]


def test_libraries_of_storage_are_loaded_for_remote_images_alone(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"x")
    (tmp_path / "a.py").write_text("def a(image):\n    return {}\n")
    code = (
        "import sys; from pixmake.plan.plan import plan_project\n"
        "import pixmake.job.run, pixmake.job.runners.function\n"
        "plan_project({'images': {'directory': 'images'}, 'steps': {'a': {'function': 'a.py:a'}}}, [])\n"
        "print([name for name in ('fsspec', 's3fs', 'aiohttp', 'zarr', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() in ("[]", "['asyncio']"), done.stdout
    job = "import sys, pixmake.job.run; print('asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", job], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_google_cloud_storage(gs: WebFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the library sends a request again by itself, seconds later
    monkeypatch.setattr("gcsfs.retry.asyncio", SimpleNamespace(sleep=lambda _: asyncio.sleep(0)))
    remote.configure({"cache": str(tmp_path / "cache"), "anon": True})
    uris = [gs.put(f"day 1/p{number}.png", bytes([number]) * 10) for number in range(12)]
    gs.traffic.fail_every = 3
    found = remote.versions([*uris, f"{gs.url}/day 1/none.png"])
    assert found.pop(f"{gs.url}/day 1/none.png") is None and len({*found.values(), None}) == 13
    assert remote.open_bytes(uris[3]) == bytes([3]) * 10
    assert remote.list_below(f"{gs.url}/day 1") == sorted(f"p{number}.png" for number in range(12))
    gs.put("day 1/p3.png", b"new")
    remote.configure()
    assert remote.version(uris[3]) != found[uris[3]] and remote.open_bytes(uris[3]) == b"new"
    assert not remote.exists(f"{gs.url}/day 1/none.png")
