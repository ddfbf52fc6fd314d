"""A job's words and environment reach nobody but a process of this user."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from pixmake.base.own_folder import OTHERS_READ, own_folder
from pixmake.images.remote import cache
from pixmake.job import client, warm_server

OTHER = 64_711
"""The number of a user that has no name here."""


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The usual folder of sockets of another user, which is not there."""
    if os.geteuid() != 0:
        pytest.skip("root alone can be two users")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folders = [Path(f"/tmp/pixmake-{OTHER}{end}") for end in ("", *(f".{number}" for number in range(1, 10)))]
    for folder in folders:
        subprocess.run(["rm", "-rf", folder], check=True)
    return folders[0]


def asked_by_another_user(report: Connection) -> None:
    """Be a process of the other user that asks for its warm process; first it tells where that would be."""
    os.setgroups([])
    os.setgid(OTHER)
    os.setuid(OTHER)
    report.send(f"{os.getpid()}.{client.numbering()}.{client.started(os.getpid())}.{client._digest('-')}.1")
    report.recv()
    asked = client.connect(os.getpid(), "-", {"SECRET": "mine"})
    if asked is not None:
        client.ask(asked, ["words"], {"SECRET": "mine"})
    report.send((client.displaced(), asked is not None))
    os._exit(0)


def listen(place: Path) -> socket.socket:
    """Be root, and listen where somebody else's warm process would."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(place))
    place.chmod(0o777)
    server.listen()
    server.settimeout(1)
    return server


def heard(server: socket.socket) -> bytes:
    """All that was sent to a server."""
    said = b""
    try:
        while True:
            connection, _ = server.accept()
            connection.settimeout(1)
            said += connection.recv(65536)
    except TimeoutError:
        return said


@pytest.mark.parametrize("owner", ["somebody else's folder", "somebody else's socket", "a link"])
def test_what_another_user_offers_gets_nothing(usual: Path, tmp_path: Path, owner: str) -> None:
    """Neither a folder of the usual name, nor a socket in the right place: not a byte leaves."""
    if owner == "a link":
        tmp_path.chmod(0o777)
        usual.symlink_to(tmp_path)
    else:
        usual.mkdir(mode=0o777)
        usual.chmod(0o777)
    if owner == "somebody else's socket":
        usual.chmod(0o700)
        os.chown(usual, OTHER, OTHER)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=asked_by_another_user, args=(theirs,))
    process.start()
    with listen(usual / ours.recv()) as server:
        ours.send("go")
        displaced, was_asked = ours.recv()
        assert heard(server) == b""
    process.join()
    assert not was_asked
    if owner != "somebody else's socket":
        assert displaced == f"{usual} is not a folder of this user's alone: {usual}.1 is used in its place"
    subprocess.run(["rm", "-rf", usual, f"{usual}.1"], check=True)


def test_the_folder_of_a_session_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LONGEST", 4000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert client.folder() == f"{tmp_path}/pixmake"
    (tmp_path / "pixmake").chmod(0o755)
    assert client.folder() != f"{tmp_path}/pixmake", "others may look into it"


def test_a_folder_that_all_may_write_is_not_ones_own(tmp_path: Path) -> None:
    """It is left as it is, and the next place is taken; if there is none, that is an error."""
    open_to_all, own = tmp_path / "open", tmp_path / "own"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert own_folder([open_to_all, own], OTHERS_READ) == own
    assert own.stat().st_mode & 0o777 == 0o700
    with pytest.raises(PermissionError, match="none is a folder of this user's own"):
        own_folder([open_to_all], OTHERS_READ)


def test_local_copies_lie_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    """A folder that all may write to gets one below it, and a line says so."""
    assert cache.folder_of(str(tmp_path / "new")) == tmp_path / "new"
    shared = tmp_path / "scratch"
    shared.mkdir()
    shared.chmod(0o777)
    own = shared / f"pixmake-{os.geteuid()}"
    assert cache.folder_of(str(shared)) == own
    assert (
        cache.displaced(str(shared)) == f"{shared} is not a folder of this user's alone: copies are in {own}"
    )
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "new")
    assert cache.folder_of(str(link)) == tmp_path / "new"


def test_sockets_of_other_containers_are_left_alone(tmp_path: Path) -> None:
    """Who shares the folder but counts processes for itself cannot be seen from here, and may well live."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    own, other = (tmp_path / f"{gone.pid}.{numbering}.1.a.1" for numbering in (client.numbering(), "f00d"))
    mine = tmp_path / f"{os.getpid()}.{client.numbering()}.1.a.1"
    for path in (own, other, mine):
        path.touch()
    warm_server._sweep(str(mine))
    assert sorted(tmp_path.iterdir()) == sorted([other, mine])


def test_why_a_load_failed_is_its_own_line_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes load for one step, and the second one begins to print as the first one has failed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/measure.load.log").write_text("pixmake: not loaded: no weights here\nloading\n")
    words = ["", '{"holder":"1"}', "-", "1", "logs/measure/p0.log"]
    assert client.why_not_loaded("68 0 0 0 0", words) == "no weights here; see logs/measure.load.log"


def test_a_process_that_dies_as_it_loads_is_told_with_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/measure.load.log").write_text("loading\n")
    words = ["", '{"holder":"1"}', "-", "1", "logs/measure/p0.log"]
    why = client.why_not_loaded(client.died_loading(words), words)
    assert why.startswith(
        "steps.measure.load: the process that loads has crashed, ended itself or was killed; "
    )
