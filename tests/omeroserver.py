"""A server on loopback that speaks as much of OMERO.web's API as we ask.

Its addresses, fields and refusals are those of the source of omero-web 5.31 and omero-marshal: the JSON API,
webgateway, and the web client's annotations. It has a dataset of images, and a screen of a plate, both with
tags and key-value pairs, and keeps those that are written; it wants a login, or is public; it can forget its
sessions, fail now and then, and it counts what it is asked.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
from flask import Flask, Response, jsonify, redirect, request

from pixmake.images.remote.omero import NAMESPACE

USER, PASSWORD, SESSION_KEY = "ben", "correct horse battery staple", "0b30ee4a-c0b2-4b0f-9c61-f48b31bcad8c"
DATASET, SCREEN, PLATE, FORBIDDEN = 51, 3, 7, 99
MAX_LIMIT = 4
"""Few, so that there are several pages."""

ROWS, WELL_COLUMNS, FIELDS = 2, 3, 2


@dataclass
class Omero:
    """What the server holds, how it behaves, and what it was asked."""

    public: bool = False
    fails_every: int = 0
    """Every so many requests it answers 503."""
    retry_after: str = ""
    """What it asks to wait then."""
    fails_always: str = ""
    """The path of which it answers 500."""
    sizes: dict[str, int] = field(default_factory=lambda: {"t": 1, "c": 2, "z": 1})
    """Of the dataset's images."""
    unstable: bool = False
    """Of images of one name, those on the next page may be the same again, the first time they are asked."""
    read_only: bool = False
    """Whether who is logged in may read and not annotate."""
    written: dict[int, tuple[int, list[list[str]]]] = field(default_factory=dict)
    """Of each annotation that was written, its image and its pairs."""
    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each path was asked for."""
    connections: int = 0
    sessions: dict[str, str] = field(default_factory=dict)
    """The user of each cookie ``sessionid``."""
    tokens: set[str] = field(default_factory=set)

    @property
    def logins(self) -> int:
        """How often somebody logged in, or tried to."""
        return self.asked["/api/v0/login/"]

    def expire(self) -> None:
        """Forget who is logged in."""
        self.sessions.clear()


def image(
    number: int, name: str, sizes: dict[str, int], *, channels: bool = False, annotate: bool = True
) -> dict[str, Any]:
    """An image with its pixels, as omero-marshal writes it."""

    def length(value: float, unit: str) -> dict[str, Any]:
        return {"@type": "TBD#LengthI", "Unit": unit, "Symbol": "?", "Value": value}

    pixels = {
        "@id": 1000 + number,
        "@type": "http://www.openmicroscopy.org/Schemas/OME/2016-06#Pixels",
        **{"SizeX": 32, "SizeY": 24},
        **{"SizeT": sizes["t"], "SizeC": sizes["c"], "SizeZ": sizes["z"]},
        "PhysicalSizeX": length(0.65, "MICROMETER"),
        "PhysicalSizeY": length(650, "NANOMETER"),
        "PhysicalSizeZ": length(1, "REFERENCEFRAME"),
        "Type": {"@id": 6, "@type": "TBD#PixelsType", "value": "uint16"},
    }
    if channels:
        pixels["Channels"] = [{"@id": n, "Name": name} for n, name in enumerate(("DAPI", "GFP"))]
    return {
        "@id": number,
        "@type": "http://www.openmicroscopy.org/Schemas/OME/2016-06#Image",
        "Name": name,
        "AcquisitionDate": 1252939626000,
        "omero:details": {
            "@type": "TBD#Details",
            "permissions": {"@type": "TBD#Permissions", "canAnnotate": annotate, "canEdit": annotate},
        },
        "Pixels": pixels,
    }


NAMES = {101: "b.tif", 102: "a.tif", 103: "same.tif", 104: "same.tif", 105: "c {1}.tif"}
"""The images of the dataset."""

MAPS = {
    ("dataset", DATASET): {"organism": ["Arabidopsis"], "dose": ["1"]},
    ("image", 101): {"dose": ["2"], "gene": ["PIN1", "PIN2"], "name": ["a key of its own"]},
    ("plate", PLATE): {"cell line": ["HeLa"]},
    ("well", 1002): {"compound": ["DMSO"]},
}
TAGS = {("dataset", DATASET): ["trial"], ("image", 101): ["mitosis"], ("image", 1): ["mitosis", "bad focus"]}


def wells(server: Omero) -> list[dict[str, Any]]:
    """The wells of the plate, by column and row, each with its fields; the last one is empty."""
    made = []
    for number in range(ROWS * WELL_COLUMNS):
        column, row = divmod(number, ROWS)
        samples = [
            {
                "@id": 5000 + number * FIELDS + index,
                "Image": image(number * FIELDS + index + 1, f"field {index}", {"t": 1, "c": 2, "z": 1}),
                "PlateAcquisition": {"@id": 9},
            }
            for index in range(FIELDS)
        ]
        well = {"@id": 1000 + number, "Row": row, "Column": column, "WellSamples": samples}
        if number == ROWS * WELL_COLUMNS - 1:
            del well["WellSamples"]
        made.append(well)
    return made


def plane(number: int, z: int, t: int, channel: int | None) -> np.ndarray[Any, Any]:
    """What is rendered: a level that tells image, plane and channel, the same in all colours."""
    level = (number * 3 + z * 50 + t * 20 + 10 * (channel or 0)) % 256
    return np.full((24, 32, 3), level, np.uint8)


def application(server: Omero) -> Flask:
    """The server as Flask runs it."""
    app = Flask("omero")
    lock = threading.Lock()

    @app.before_request
    def count() -> Any:
        with lock:
            server.asked[request.path] += 1
            number = server.asked.total()
        if request.path == server.fails_always:
            return Response("Internal Server Error", 500)
        if server.fails_every and number % server.fails_every == 0:
            asks = {"Retry-After": server.retry_after} if server.retry_after else {}
            return Response("Service Unavailable", 503, asks)
        return None

    def refused() -> Any:
        """What a request gets that nobody has logged in for, or None."""
        if request.args.get("bsession") == SESSION_KEY and request.args.get("server"):
            return None
        if server.public or request.cookies.get("sessionid") in server.sessions:
            return None
        if request.path.startswith("/api/"):
            return jsonify(message="Not logged in"), 403
        return redirect(f"/webclient/login/?url={request.path}")

    def answer(content: Any, status: int = 200) -> Response:
        made = jsonify(content)
        made.headers["X-OMERO-ApiVersion"] = "0.2"
        made.status_code = status
        if request.args.get("bsession") == SESSION_KEY:
            remember(made)
        return made

    def remember(response: Response) -> None:
        cookie = secrets.token_hex(16)
        server.sessions[cookie] = USER
        response.set_cookie("sessionid", cookie, httponly=True)

    def page(objects: list[dict[str, Any]]) -> Any:
        limit = min(int(request.args.get("limit", 200)), MAX_LIMIT)
        offset = int(request.args.get("offset", 0))
        meta = {"totalCount": len(objects), "maxLimit": MAX_LIMIT, "limit": limit, "offset": offset}
        data = objects[offset : offset + limit]
        if server.unstable and offset:
            server.unstable = False
            data[0] = objects[offset - 1]
        return answer({"data": data, "meta": meta})

    @app.get("/webclient/login/")
    def login_page() -> Any:
        return "<html>log in</html>"

    @app.get("/api/")
    def versions() -> Any:
        return answer({"data": [{"version": "0", "url:base": f"{request.host_url}api/v0/"}]})

    @app.get("/api/v0/token/")
    def token() -> Any:
        # as Django does: one secret in the cookie, under another mask in each answer
        secret = request.cookies.get("csrftoken") or secrets.token_hex(16)
        server.tokens.add(secret)
        response = answer({"data": secrets.token_hex(16) + secret})
        response.set_cookie("csrftoken", secret)
        return response

    def has_token() -> bool:
        secret = request.cookies.get("csrftoken")
        return secret in server.tokens and request.headers.get("X-CSRFToken", "").endswith(str(secret))

    @app.get("/api/v0/servers/")
    def servers() -> Any:
        return answer({"data": [{"id": 1, "host": "localhost", "port": 4064, "server": "omero"}]})

    @app.post("/api/v0/login/")
    def login() -> Any:
        if not has_token():
            return Response("CSRF verification failed", 403)
        form = request.form
        if (form.get("username"), form.get("password"), form.get("server")) != (USER, PASSWORD, "1"):
            said = "Connection not available, please check your credentials and version compatibility."
            return answer({"message": said}, 403)
        response = answer({"success": True, "eventContext": {"userName": USER, "sessionUuid": SESSION_KEY}})
        remember(response)
        return response

    @app.get("/api/v0/m/<path:path>/")
    def model(path: str) -> Any:
        denied = refused()
        if denied is not None:
            return denied
        listed = {number: image(number, name, server.sizes) for number, name in NAMES.items()}
        by_name = sorted(listed.values(), key=lambda each: each["Name"].lower())
        # as OMERO does: in a list of wells their images have no pixels
        bare = [
            {**well, "WellSamples": [{**sample, "Image": {**sample["Image"]}} for sample in samples]}
            if (samples := well.get("WellSamples"))
            else well
            for well in wells(server)
        ]
        for well in bare:
            for sample in well.get("WellSamples", ()):
                del sample["Image"]["Pixels"]
        plate = {"@id": PLATE, "Name": "plate one", "RowNamingConvention": "letter"}
        known: dict[str, Any] = {
            "datasets": [{"@id": DATASET, "Name": "Trial 1"}],
            f"datasets/{DATASET}": {"@id": DATASET, "Name": "Trial 1"},
            f"datasets/{DATASET}/images": by_name,
            "datasets/52": {"@id": 52, "Name": "empty"},
            "datasets/52/images": [],
            f"screens/{SCREEN}": {"@id": SCREEN, "Name": "screen one"},
            f"screens/{SCREEN}/plates": [plate],
            f"plates/{PLATE}": plate,
            f"plates/{PLATE}/wells": bare,
            **{f"wells/{well['@id']}": well for well in wells(server)},
            **{
                f"images/{n}": image(n, name, server.sizes, channels=True, annotate=not server.read_only)
                for n, name in NAMES.items()
            },
            "images/1": image(1, "field 0", {"t": 1, "c": 2, "z": 1}, channels=True),
        }
        if path.endswith(str(FORBIDDEN)):
            return answer({"message": "SecurityViolation: cannot read", "stacktrace": "…"}, 403)
        if path not in known:
            return answer({"message": f"{path} not found"}, 404)
        return page(known[path]) if isinstance(known[path], list) else answer({"data": known[path]})

    @app.get("/webclient/api/annotations/")
    def annotations() -> Any:
        denied = refused()
        if denied is not None:
            return denied
        made = []
        of_kind: dict[Any, Any] = MAPS if request.args["type"] == "map" else TAGS
        for (parent, number), said in of_kind.items():
            if str(number) in request.args.getlist(parent):
                link = {"id": len(made), "parent": {"id": number, "class": f"{parent.capitalize()}I"}}
                if of_kind is MAPS:
                    values = [[key, value] for key, values in said.items() for value in values]
                    made.append({"id": number, "class": "MapAnnotationI", "values": values, "link": link})
                else:
                    for tag in said:
                        link = {**link, "id": len(made)}
                        made.append({"id": number, "class": "TagAnnotationI", "textValue": tag, "link": link})
        own = server.written.items() if of_kind is MAPS else ()
        for number, (parent, values) in own:
            if str(parent) in request.args.getlist("image"):
                link = {"id": 10_000 + number, "parent": {"id": parent, "class": "ImageI"}}
                about = {"id": number, "class": "MapAnnotationI", "values": values, "link": link}
                made.append({**about, "ns": NAMESPACE, "permissions": {"canEdit": not server.read_only}})
        page, limit = int(request.args.get("page", 1)), int(request.args.get("limit", 20_000))
        return answer({"annotations": made[(page - 1) * limit : page * limit], "experimenters": []})

    @app.post("/webclient/annotate_map/")
    def annotate_map() -> Any:
        if not has_token():
            return Response("<html>CSRF Error</html>", 403)
        denied = refused()
        if denied is not None:
            return denied
        if server.read_only:  # the web client's page for whatever went wrong
            return Response("<html>SecurityViolation</html>", 500)
        values = json.loads(request.form["mapAnnotation"])
        numbers = [int(number) for number in request.form.getlist("annId")]
        if not numbers:
            assert request.form["ns"] == NAMESPACE
            for parent in map(int, request.form.getlist("image")):
                numbers.append(900 + len(server.written))
                server.written[numbers[-1]] = parent, values
        for number in numbers:
            server.written[number] = server.written[number][0], values
        return jsonify(annId=numbers)

    @app.get("/webgateway/render_image/<int:number>/<int:z>/<int:t>/")
    def render(number: int, z: int, t: int) -> Any:
        denied = refused()
        if denied is not None:
            return denied
        if number not in NAMES and number > ROWS * WELL_COLUMNS * FIELDS:
            return Response("Not Found", 404)
        channel = int(request.args["c"]) - 1 if "c" in request.args else None
        content = cv2.imencode(".jpg", plane(number, z, t, channel))[1].tobytes()
        return Response(content, content_type="image/jpeg")

    return app


@contextmanager
def omero_server(**behaviour: Any) -> Iterator[Omero]:
    """A running server, on a free port of loopback."""
    held = Omero(**behaviour)

    app = application(held)

    class Handler(BaseHTTPRequestHandler):
        """Keeps connections alive, which Flask's own server does not."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            held.connections += 1
            super().setup()

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            client = app.test_client(use_cookies=False)
            words = {"method": self.command, "headers": list(self.headers.items()), "data": body}
            answer = client.open(self.path, **words)
            self.send_response(answer.status_code)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.data)

        do_POST = do_GET

        def log_message(self, *words: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.block_on_close = False  # connections that are kept alive would hold it up
    held.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield held
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
