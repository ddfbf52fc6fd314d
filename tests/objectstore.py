"""Object storage on loopback: a real S3 server behind a proxy that counts and misbehaves, and a web server.

How a test uses it::

    def test_it(bucket: Bucket, monkeypatch):
        bucket.log_in(monkeypatch)              # credentials into the environment of this process
        bucket.put("plate/a.png", content)      # past the proxy: it does not count
        run_with(bucket.endpoint)               # the endpoint URL to give to what is tested
        assert bucket.traffic.sent < 10_000     # bytes of bodies that the server sent
        bucket.traffic.fail_every = 3           # each third request from now on fails
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

KEY, SECRET = "PIXMAKETESTKEY000001", "aSecretOfTheTests/DoNotPrint+Me00000000x"
REGION = "us-east-1"

_MOTO = """\
import os, sys, threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

class Quiet(WSGIRequestHandler):
    def log(self, *words): pass

def end_with_the_tests():
    sys.stdin.read()
    os._exit(0)

threading.Thread(target=end_with_the_tests, daemon=True).start()
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True,
                     request_handler=Quiet)
print(server.port, flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class Seen:
    """A request that a server has answered."""

    method: str
    path: str
    """With the query."""
    range: str
    """The header ``Range``, e.g. ``bytes=0-99``."""
    status: int
    sent: int
    """Bytes of the body of the answer."""


@dataclass
class Traffic:
    """What a server has answered since the last `reset`, and how it is to misbehave."""

    requests: list[Seen] = field(default_factory=list)
    slow: float = 0.0
    """Seconds before each answer."""
    fail_every: int = 0
    """Each so-manieth request gets 503, and nothing behind the proxy hears of it; 0: none."""
    cut_every: int = 0
    """Each so-manieth answer breaks off in the middle of its body; 0: none."""
    failed: int = 0
    """How many requests were failed or cut."""
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def sent(self) -> int:
        """Bytes of all bodies that were sent."""
        return sum(each.sent for each in self.requests)

    def of(self, part: str, method: str = "") -> list[Seen]:
        """The requests whose path holds a text."""
        return [each for each in self.requests if part in unquote(each.path) and method in each.method]

    def reset(self) -> None:
        """Forget the requests, and behave."""
        self.requests, self.failed, self._count = [], 0, 0
        self.slow, self.fail_every, self.cut_every = 0.0, 0, 0

    def next_fault(self) -> str:
        """What is to go wrong with the next request: ``fail``, ``cut`` or nothing."""
        with self._lock:
            self._count += 1
            fault = ""
            if self.fail_every and self._count % self.fail_every == 0:
                fault = "fail"
            elif self.cut_every and self._count % self.cut_every == 0:
                fault = "cut"
            self.failed += bool(fault)
        time.sleep(self.slow)
        return fault


@dataclass(frozen=True)
class Bucket:
    """A bucket of the S3 server."""

    name: str
    endpoint: str
    """The proxy: what is tested gets this one."""
    direct: str
    """The server itself, for the test's own calls."""
    traffic: Traffic
    public: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The credentials, as environment variables."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": REGION}

    def log_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the credentials into the environment of this process."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def uri(self, key: str = "") -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.name}/{key}"

    def put(self, key: str, content: bytes | Path) -> None:
        """Write an object, past the proxy."""
        body = content.read_bytes() if isinstance(content, Path) else content
        acl = {"ACL": "public-read"} if self.public else {}
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **acl)

    def upload(self, folder: Path, prefix: str) -> None:
        """Write all files below a folder as objects."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}", path)

    def get(self, key: str) -> bytes:
        """The content of an object, past the proxy."""
        return bytes(self.client.get_object(Bucket=self.name, Key=key)["Body"].read())

    def keys(self, prefix: str = "") -> list[str]:
        """The names of all objects below a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=self.name, Key=key)

    @property
    def client(self) -> Any:
        """A client of the server itself, with the right credentials."""
        return _client(self.direct)


@dataclass(frozen=True)
class WebFolder:
    """A folder on a plain web server: it knows ranges, ``ETag`` and ``Last-Modified``, and lists nothing."""

    folder: Path
    url: str
    traffic: Traffic

    def put(self, name: str, content: bytes | Path) -> str:
        """Write a file; its URL."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read_bytes() if isinstance(content, Path) else content)
        return f"{self.url}/{name}"


@dataclass(frozen=True)
class ObjectStore:
    """The S3 server of a test session."""

    direct: str
    endpoint: str
    traffic: Traffic
    private: set[str]

    def make_bucket(self, *, public: bool = False) -> Bucket:
        """A new, empty bucket; of a public one anybody can read."""
        name = f"b-{uuid.uuid4().hex[:12]}"
        _client(self.direct).create_bucket(Bucket=name)
        if not public:
            self.private.add(name)
        return Bucket(name, self.endpoint, self.direct, self.traffic, public)


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """The S3 server in a process of its own, with the proxy before it; both end with the tests."""
    process = subprocess.Popen(
        [sys.executable, "-c", _MOTO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
    )
    assert process.stdout is not None and process.stdin is not None
    port = int(process.stdout.readline())
    traffic, private = Traffic(), set[str]()
    try:
        with _serving(_proxy_handler(port, traffic, private)) as endpoint:
            yield ObjectStore(f"http://127.0.0.1:{port}", endpoint, traffic, private)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def bucket(object_store: ObjectStore) -> Bucket:
    """A new bucket that needs the credentials."""
    object_store.traffic.reset()
    return object_store.make_bucket()


@pytest.fixture
def public_bucket(object_store: ObjectStore) -> Bucket:
    """A new bucket that anybody can read."""
    object_store.traffic.reset()
    return object_store.make_bucket(public=True)


@pytest.fixture
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFolder]:
    """A folder on a plain web server."""
    folder, traffic = tmp_path_factory.mktemp("web"), Traffic()
    with _serving(_folder_handler(folder, traffic)) as url:
        yield WebFolder(folder, url, traffic)


@pytest.fixture
def gs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebFolder]:
    """A folder whose files are the objects of the bucket ``trial``, as Google Cloud Storage shows them."""
    folder, traffic = tmp_path_factory.mktemp("gs"), Traffic()
    with _serving(_gs_handler(folder, traffic)) as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        yield WebFolder(folder, "gs://trial", traffic)


def _client(endpoint: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


@contextlib.contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    traffic: Traffic

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error."""

    def answer(self, status: int, headers: Mapping[str, str], body: bytes, *, cut: bool = False) -> None:
        """Send an answer, note it, and break off in the middle if that is asked for."""
        head = self.command == "HEAD"
        shown = b"" if head else body[: len(body) // 2] if cut else body
        self.traffic.requests.append(
            Seen(self.command, self.path, self.headers.get("Range", ""), status, len(shown))
        )
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not head or "content-length" not in {name.lower() for name in headers}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(shown)
        self.wfile.flush()
        if cut:
            self.close_connection = True

    def body(self) -> bytes:
        """What came with the request."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return content


def _s3_error(code: str, message: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()


def _proxy_handler(port: int, proxied: Traffic, private: set[str]) -> type[BaseHTTPRequestHandler]:
    class Proxy(_Handler):
        traffic = proxied

        def pass_on(self) -> None:
            body, fault = self.body(), self.traffic.next_fault()
            xml = {"Content-Type": "application/xml"}
            if fault == "fail":
                self.answer(503, xml, _s3_error("SlowDown", "Please reduce your request rate."))
                return
            if refused := self.refusal():
                self.answer(403, xml, _s3_error(refused, "refused"))
                return
            hop = {"connection", "expect", "transfer-encoding", "content-length", "accept-encoding"}
            headers = {name: value for name, value in self.headers.items() if name.lower() not in hop}
            upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    upstream.putheader(name, value)
                upstream.putheader("Content-Length", str(len(body)))
                upstream.endheaders(body)
                reply = upstream.getresponse()
                content = reply.read()
            finally:
                upstream.close()
            kept = {
                name: value
                for name, value in reply.getheaders()
                if name.lower() not in {"connection", "transfer-encoding", "date", "server"}
                and (self.command == "HEAD" or name.lower() != "content-length")
            }
            self.answer(reply.status, kept, content, cut=fault == "cut")

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

        def refusal(self) -> str:
            """The S3 error code of a request that has not the right credentials."""
            given = self.headers.get("Authorization", "")
            bucket = self.path.lstrip("/").split("/")[0].split("?")[0]
            if not given:
                return "AccessDenied" if bucket in private or self.command not in ("GET", "HEAD") else ""
            parts = dict(
                part.strip().split("=", 1) for part in given.removeprefix("AWS4-HMAC-SHA256").split(",")
            )
            key, *scope = parts["Credential"].split("/")
            if key != KEY:
                return "InvalidAccessKeyId"
            signed = self.signature(parts["SignedHeaders"], scope)
            return "" if hmac.compare_digest(signed, parts["Signature"]) else "SignatureDoesNotMatch"

        def signature(self, signed: str, scope: list[str]) -> str:
            """The signature of this request with the right secret (AWS Signature Version 4)."""
            target = urlsplit(self.path)
            query = "&".join(sorted(p if "=" in p else f"{p}=" for p in target.query.split("&") if p))
            headers = "".join(
                f"{name}:{' '.join((self.headers.get(name) or '').split())}\n" for name in signed.split(";")
            )
            payload = self.headers.get("x-amz-content-sha256", "")
            request = "\n".join([self.command, target.path, query, headers, signed, payload])
            digest = hashlib.sha256(request.encode()).hexdigest()
            text = "\n".join(
                ["AWS4-HMAC-SHA256", self.headers.get("x-amz-date", ""), "/".join(scope), digest]
            )
            secret = f"AWS4{SECRET}".encode()
            for word in scope:
                secret = hmac.digest(secret, word.encode(), "sha256")
            return hmac.digest(secret, text.encode(), "sha256").hex()

    return Proxy


def _folder_handler(folder: Path, seen: Traffic) -> type[BaseHTTPRequestHandler]:
    class Folder(_Handler):
        traffic = seen

        def do_GET(self) -> None:
            self.body()
            fault = self.traffic.next_fault()
            path = folder / unquote(urlsplit(self.path).path).lstrip("/")
            if fault == "fail":
                self.answer(503, {}, b"busy")
            elif not path.is_file():
                self.answer(404, {}, b"not found")
            else:
                self.show(path, cut=fault == "cut")

        do_HEAD = do_GET

        def show(self, path: Path, *, cut: bool) -> None:
            content, state = path.read_bytes(), path.stat()
            headers = {
                "Accept-Ranges": "bytes",
                "Last-Modified": formatdate(state.st_mtime, usegmt=True),
                "ETag": f'"{hashlib.md5(content).hexdigest()}"',
                "Content-Type": "application/octet-stream",
            }
            asked = self.headers.get("Range", "").removeprefix("bytes=")
            if not asked:
                if self.command == "HEAD":
                    headers["Content-Length"] = str(len(content))
                self.answer(200, headers, content, cut=cut)
                return
            first, _, last = asked.partition("-")
            start = int(first) if first else max(0, len(content) - int(last))
            end = min(int(last), len(content) - 1) if first and last else len(content) - 1
            if start >= len(content):
                self.answer(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
                return
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
            self.answer(206, headers, content[start : end + 1], cut=cut)

    return Folder


def _gs_handler(folder: Path, seen: Traffic) -> type[BaseHTTPRequestHandler]:
    """The part of Google's JSON API that reads objects of one bucket, open to all."""

    def told(path: Path) -> dict[str, Any]:
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        name = path.relative_to(folder).as_posix()
        link = f"/download/storage/v1/b/trial/o/{quote(name, safe='')}?alt=media"
        size = str(path.stat().st_size)
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": "trial",
            "size": size,
            "etag": digest,
            "generation": str(int(digest[:12], 16)),
            "mediaLink": link,
        }

    class Objects(_Handler):
        traffic = seen

        def do_GET(self) -> None:
            self.body()
            target = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(target.query).items()}
            name = unquote(target.path.partition("/b/trial/o")[2]).lstrip("/")
            path = folder / name
            if self.traffic.next_fault() == "fail":
                self.answer(503, {}, b"{}")
            elif not name:
                self.listed(asked.get("prefix", ""), asked.get("delimiter", ""))
            elif not path.is_file():
                self.answer(404, {}, b'{"error": {"code": 404, "message": "No such object"}}')
            elif asked.get("alt") == "media":
                self.answer(200, {}, path.read_bytes())
            else:
                self.answer(200, {"Content-Type": "application/json"}, json.dumps(told(path)).encode())

        def listed(self, prefix: str, delimiter: str) -> None:
            names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
            items, prefixes = [], set()
            for name in names:
                if not name.startswith(prefix):
                    continue
                head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
                if found:
                    prefixes.add(f"{prefix}{head}/")
                else:
                    items.append(told(folder / name))
            content = {"kind": "storage#objects", "items": items, "prefixes": sorted(prefixes)}
            self.answer(200, {"Content-Type": "application/json"}, json.dumps(content).encode())

    return Objects
