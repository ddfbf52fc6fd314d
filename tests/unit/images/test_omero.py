"""Source ``omero``: what a server says of its images becomes a table, however it behaves."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.omeroserver import (
    DATASET,
    FORBIDDEN,
    PASSWORD,
    PLATE,
    SCREEN,
    SESSION_KEY,
    USER,
    Omero,
    omero_server,
    plane,
)

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images
from pixmake.images.read import read_image
from pixmake.images.remote import objects, omero
from pixmake.images.remote.objects import RemoteError
from pixmake.table.groups import make_groups
from pixmake.table.sources import read_images
from pixmake.table.table import Table


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says nothing of OMERO, and nothing is known of an earlier test's server."""
    for name in (omero.USER, omero.PASSWORD, omero.SESSION):
        monkeypatch.delenv(name, raising=False)
    forget()


@pytest.fixture
def ben(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says who logs in."""
    monkeypatch.setenv(omero.USER, USER)
    monkeypatch.setenv(omero.PASSWORD, PASSWORD)


@pytest.fixture
def server() -> Iterator[Omero]:
    """A server that wants a login."""
    with omero_server() as running:
        yield running


def forget() -> None:
    """Be another process."""
    omero.connect.cache_clear()


def asked(server: Omero, **keys: Any) -> Images:
    return Images.model_validate({"omero": {"server": server.url, **keys}})


def read(server: Omero, **keys: Any) -> Table:
    return read_images(asked(server, **keys))


def column(table: Table, name: str) -> list[Any]:
    return list(table.frame[name])


def problem(server: Omero, **keys: Any) -> str:
    with pytest.raises(PixmakeError) as raised:
        read(server, **keys)
    return str(raised.value).replace(server.url, "SERVER")


@pytest.mark.usefixtures("ben")
def test_dataset(server: Omero) -> None:
    """Images by name, two of one name as well, with sizes in micrometers, tags and key-value pairs."""
    table = read(server, dataset=DATASET)
    assert column(table, "image_id") == [102, 101, 105, 103, 104]
    assert column(table, "name") == ["a.tif", "b.tif", "c {1}.tif", "same.tif", "same.tif"]
    assert set(column(table, "dataset")) == {"Trial 1"}
    assert set(column(table, "pixel_size_x")) == set(column(table, "pixel_size_y")) == {0.65}
    assert "pixel_size_z" not in table.columns  # the server has it in no unit of length
    assert column(table, "timestamp")[0] == "2009-09-14T14:47:06"
    assert column(table, "tags") == ["trial", "mitosis; trial", "trial", "trial", "trial"]
    assert column(table, "dose") == [1, 2, 1, 1, 1]  # the image's own word counts
    assert column(table, "gene")[:2] == [None, "PIN1; PIN2"]
    assert column(table, "omero.name")[1] == "a key of its own"
    assert [str(note) for note in table.notes] == [
        f"{server.url}, dataset {DATASET}: a key of key-value pairs that is a column already has another "
        "name: 'name' is 'omero.name'"
    ]
    assert server.logins == 1
    assert server.connections < server.asked.total() / 2


@pytest.mark.usefixtures("ben")
def test_plate_and_screen(server: Omero) -> None:
    """A row a field, well by well; what hangs on wells and plates holds for their fields."""
    table = read(server, plate=PLATE)
    assert column(table, "well")[::2] == ["A1", "A2", "A3", "B1", "B2"]
    assert (column(table, "row")[2], column(table, "column")[2], column(table, "field")[3]) == ("A", 2, 1)
    assert set(column(table, "plate")) == {"plate one"}
    assert set(column(table, "cell line")) == {"HeLa"}
    assert column(table, "compound")[2:4] == ["DMSO", "DMSO"]
    assert column(table, "compound")[0] is None
    assert column(table, "tags")[0] == "bad focus; mitosis"
    assert set(column(table, "size_x")) == {32}
    screen = read(server, screen=SCREEN)
    assert set(column(screen, "screen")) == {"screen one"}
    assert column(screen, "image_id") == column(table, "image_id")


@pytest.mark.usefixtures("ben")
def test_planes_are_decoded(server: Omero) -> None:
    """A row a channel and plane; a channel is grey, all of them are a picture in colours."""
    server.sizes = {"t": 1, "c": 2, "z": 3}
    hint = "a rendered plane has one of each: `split: [c, z]`"
    assert f"SERVER, dataset 51, image 102 (a.tif): has 3 z ({hint})" in problem(
        server, dataset=DATASET, split=["c"]
    )
    table = read(server, dataset=DATASET, split=["z", "c"])
    assert len(table.frame) == 5 * 3 * 2
    assert column(table, "channel")[:2] == ["DAPI", "GFP"]
    assert (column(table, "z")[5], column(table, "c")[5]) == (2, 1)
    groups = make_groups(table, asked(server, dataset=DATASET, split=["z", "c"]))
    assert groups[5].id == "omero_102_t0_c1_z2"
    assert np.array_equal(read_image(groups[5].paths[0]), plane(102, 2, 0, 1)[..., 0])
    whole = omero.plane_uri(server.url, 102, 0, 0, None)
    assert np.array_equal(read_image(whole), plane(102, 0, 0, None))


@pytest.mark.usefixtures("ben")
def test_zarr_by_a_template(server: Omero) -> None:
    """Pixels come from an OME-Zarr whose place columns tell; the server says which planes there are."""
    table = read(server, dataset=DATASET, zarr="s3://bucket/{image_id}.zarr", split=["c"])
    assert column(table, "path")[:2] == ["s3://bucket/102.zarr", "s3://bucket/102.zarr"]
    assert column(table, "c")[:2] == [0, 1]
    keys = {"dataset": DATASET, "zarr": "s3://bucket/{image_id}.zarr"}
    ids = [group.id for group in make_groups(table, asked(server, split=["c"], **keys))]
    assert ids[:2] == ["a_102_c0", "a_102_c1"]  # not of the bucket
    assert ids[-4::2] == ["same_103_c0", "same_104_c0"]
    table = read(server, plate=PLATE, zarr="plates/{plate_id}.zarr/{row}/{column}/{field}")
    assert column(table, "path")[3] == "plates/7.zarr/A/2/1"
    said = problem(server, dataset=DATASET, zarr="{gene}.zarr")
    assert "image 102 (a.tif): images.omero.zarr names the column 'gene', which is empty here" in said


@pytest.mark.usefixtures("ben")
def test_a_login_is_shared_and_renewed(server: Omero) -> None:
    """Another process goes on in the session of the first; one that has expired is opened anew."""
    read(server, dataset=DATASET)
    forget()
    path = read(server, dataset=DATASET).frame["path"].iloc[0]
    assert server.logins == 1
    server.expire()
    read_image(path)
    forget()
    read_image(path)
    assert server.logins == 2


def test_existing_session(server: Omero, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of an open session is enough; one that is closed says so."""
    monkeypatch.setenv(omero.SESSION, SESSION_KEY)
    assert len(read(server, dataset=DATASET).frame) == 5
    assert server.logins == 0
    forget()
    monkeypatch.setenv(omero.SESSION, "closed")
    assert problem(server, dataset=DATASET) == (
        "SERVER: the session of OMERO_SESSION is not, or no longer, open (open one, or set OMERO_USER and "
        "OMERO_PASSWORD)"
    )


def test_public_server() -> None:
    """Without a login, a server that is open to all is read; one that is not says how to log in."""
    with omero_server(public=True) as server:
        assert len(read(server, dataset=DATASET).frame) == 5
        assert server.logins == 0
    with omero_server() as server:
        assert problem(server, dataset=DATASET) == (
            "SERVER: /api/v0/m/datasets/51/: the server wants a login (to log in, set OMERO_USER and "
            "OMERO_PASSWORD in the environment, or OMERO_SESSION)"
        )


@pytest.mark.usefixtures("ben")
def test_what_cannot_be_had(server: Omero, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message says what is wrong and what would be right."""
    group = "(ben needs to be a member of the group that it belongs to)"
    assert problem(server, dataset=4711) == f"SERVER: there is no dataset 4711 that ben may see {group}"
    assert problem(server, dataset=52) == "SERVER, dataset 52: holds no images"
    assert problem(server, plate=FORBIDDEN) == (
        "SERVER: /api/v0/m/plates/99/: no permission (the server says 'SecurityViolation: cannot read') "
        + group
    )
    here = "`server` is the address that stands before /webclient/ in the browser"
    with pytest.raises(PixmakeError) as raised:
        omero.connect(f"{server.url}/webclient/").get("api/v0/m/datasets/")
    assert str(raised.value) == (
        f"{server.url}/webclient: is no OMERO.web with a JSON API: /api/ answers 404 Not Found ({here})"
    )
    forget()
    server.expire()
    monkeypatch.setenv(omero.PASSWORD, "wrong")
    said = problem(server, dataset=DATASET)
    assert said == (
        "SERVER: ben cannot log in: the server says 'Connection not available, please check your credentials "
        "and version compatibility.' (are OMERO_USER and OMERO_PASSWORD right, and is the account active?)"
    )
    monkeypatch.delenv(omero.PASSWORD)
    assert problem(server, dataset=DATASET) == (
        "SERVER: OMERO_USER is set in the environment, but OMERO_PASSWORD is not (read -rs OMERO_PASSWORD; "
        "export OMERO_PASSWORD)"
    )


def test_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: no traceback."""
    monkeypatch.setattr(omero, "_PAUSE", 0)
    with omero_server() as server:
        gone = server
    assert problem(gone, dataset=DATASET) == (
        "SERVER: the server cannot be reached (is the address right, and does it open in a browser?)"
    )


@pytest.mark.usefixtures("ben")
def test_server_that_fails_now_and_then() -> None:
    """Requests are repeated, and a list whose pages overlap is read again."""
    with omero_server(fails_every=5, unstable=True) as server:
        table = read(server, dataset=DATASET)
        assert sorted(column(table, "image_id")) == [101, 102, 103, 104, 105]
        assert server.asked[f"/api/v0/m/datasets/{DATASET}/images/"] >= 4


PAIRS = {101: [("cells", "17"), ("mean area", "85.2")], 102: [("cells", "3")]}


def of_image(server: Omero, image: int) -> list[list[list[str]]]:
    return [values for parent, values in server.written.values() if parent == image]


@pytest.mark.usefixtures("ben")
def test_key_value_pairs_are_written_once(server: Omero) -> None:
    """In an annotation of ours, which is changed the next time; those of others stay."""
    client = omero.connect(server.url)
    assert list(omero.put_pairs(client, PAIRS)) == [101, 102]
    forget()
    server.expire()  # a new process, whose cookie holds no longer
    assert list(omero.put_pairs(omero.connect(server.url), {101: [("cells", "18")]})) == [101]
    assert of_image(server, 101) == [[["cells", "18"]]]
    assert of_image(server, 102) == [[["cells", "3"]]]


@pytest.mark.usefixtures("ben")
def test_who_may_read_alone(server: Omero) -> None:
    """Reads all there is; writing says what is missing, and is tried once."""
    server.read_only = True
    assert len(read(server, dataset=DATASET, split=["c"]).frame) == 10
    client = omero.connect(server.url)
    with pytest.raises(PixmakeError) as raised:
        list(omero.put_pairs(client, PAIRS))
    assert str(raised.value).replace(server.url, "SERVER") == (
        "SERVER: ben may read image 101, but not annotate it (its group has to be read-annotate for that; "
        "`pixmake export omero-csv` needs no permission)"
    )
    assert server.asked["/webclient/annotate_map/"] == 1


def test_the_public_writes_nothing() -> None:
    """Without a login it is not even asked."""
    with omero_server(public=True) as server:
        with pytest.raises(PixmakeError, match="the server wants a login"):
            list(omero.put_pairs(omero.connect(server.url), PAIRS))
        assert not server.asked["/webclient/annotate_map/"]


@pytest.mark.usefixtures("ben")
@pytest.mark.parametrize("asked", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_busy_server_does_not_say_how_long_one_waits(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for an hour, or for years: it gets some seconds."""
    monkeypatch.setattr(omero, "_LONGEST_PAUSE", 0.05)
    begun = time.monotonic()
    with omero_server(fails_every=5, retry_after=asked) as server:
        assert len(read(server, dataset=DATASET).frame) == 5
        assert server.asked.total() > 5
    assert time.monotonic() - begun < 20


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that accepts and never answers: after some tries, together less than four minutes."""
    longest = omero._TIMEOUT[0] + omero._TIMEOUT[1] + omero._LONGEST_PAUSE
    assert longest * omero._SILENT_TRIES < 5 * 60 and omero._TIMEOUT[1] * omero._SILENT_TRIES < 4 * 60
    monkeypatch.setattr(omero, "_TIMEOUT", (0.2, 0.2))
    monkeypatch.setattr(omero, "_PAUSE", 0)
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        client = omero.Client(f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(PixmakeError, match="does not answer in time"):
            client.get("api/v0/m/datasets/")
    assert time.monotonic() - begun < 10


@pytest.mark.usefixtures("ben")
def test_an_answer_that_is_too_large(server: Omero, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A plane has a limit of its own, and that of all local copies; what came of it is not kept."""
    path = omero.plane_uri(server.url, 102, 0, 0, None)
    size = len(omero.fetch_plane(path))
    objects.configure({"cache": str(tmp_path / "cache"), "cache_size": size - 1})
    try:
        with pytest.raises(
            RemoteError, match=f"has {size} bytes, more than all local copies may have together"
        ):
            objects.local_file(path)
    finally:
        objects.configure({})
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]
    monkeypatch.setattr(omero, "LARGEST_ANSWER", size - 1)
    with pytest.raises(
        PixmakeError, match=rf"render_image/102/0/0/: the answer has more than {size - 1} bytes"
    ):
        omero.fetch_plane(path)
