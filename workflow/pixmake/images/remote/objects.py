"""What is at a URI: objects in S3 and in Google Cloud Storage, files on the web.

A file is read through a local copy, which is kept for the next job that asks for the same version; of a
Zarr the pieces that are asked for are read. No filesystem is opened before the warm process forks: its
thread would not be there in the fork.

Standard library only at import: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pixmake.base.errors import MissingExtraError
from pixmake.images.axes import ImageError, is_zarr
from pixmake.images.remote import cache as copies
from pixmake.images.remote.omero import fetch_plane
from pixmake.images.remote.uris import is_plane, is_remote

SCHEMES = {
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"),
    "https": ("aiohttp", "https"),
    "http": ("aiohttp", "https"),
}
"""What URIs can start with: the package that reads them, and our extra that brings it."""

METADATA = ("zarr.json", ".zattrs", ".zgroup")
"""The object whose version is that of a Zarr: of v3, of v2."""

MISSING = "there is no such object"

RENDERED = "as rendered"
"""Stands for the version of a plane that an OMERO server renders: none that could be asked for."""

AT_ONCE = 64
"""Requests at a time, of those that ask for the versions of many objects."""

LISTED = 8
"""Objects of one folder from which on the folder is listed, instead of asking for each."""

SILENT_SECONDS = 60
"""A server that says nothing for so long is not waited for."""

GIVE_UP_SECONDS = 180
"""No request is sent again after so long, whatever number of times is left."""

_STEP = 16_000_000
"""Bytes that are booked at once, of an object whose server does not tell its size."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 20.0
"""Seconds before a request is sent again: doubled each time."""

_SIGNED = {"x-amz-signature", "x-amz-security-token", "x-goog-signature", "sig", "signature", "token"}
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_FINAL = {errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT}
T = TypeVar("T")


class RemoteError(ImageError):
    """An object that cannot be had; the message says why, without any secret."""


@dataclass(frozen=True)
class Access:
    """How objects are reached; see `pixmake.config.storage.Storage`."""

    endpoint_url: str | None = None
    anon: bool = False
    profile: str | None = None
    region: str | None = None
    retries: int = 5
    cache: str = "~/.cache/pixmake"
    cache_size: int = 20_000_000_000


_ACCESS = frozenset(each.name for each in fields(Access))


@dataclass
class _State:
    """What one process knows."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """What `access` and `zarr_axes` were made of."""
    access: Access = field(default_factory=Access)
    expected: Mapping[str, str] = field(default_factory=dict)
    seen: dict[str, str | None] = field(default_factory=dict)
    """Versions that a listing told; None of what is not there."""
    opened: dict[tuple[str, bool, int], Any] = field(default_factory=dict)
    """Filesystems, by scheme, kind and process."""
    held: list[copies.Copy] = field(default_factory=list)
    """Local copies whose paths were told; they are let go with the next `configure`."""
    zarr_axes: str = ""
    """The axes of Zarr arrays that do not say theirs."""
    loader: Any = None
    """botocore's, of the descriptions of services."""


_STATE = _State()


def configure(settings: Mapping[str, Any] | None = None, versions: Mapping[str, str] | None = None) -> None:
    """Say how this process reaches objects, and forget what it knew of them: for each job anew.

    Parameters
    ----------
    settings
        What config.yaml says under `storage`, and under `zarr_axes` which axes arrays have that do not say
        so themselves; None leaves all of it as it was.
    versions
        The versions that the plan was made of, by URI. What has another one by now is an error.
    """
    if settings is not None and settings != _STATE.settings:
        _STATE.settings = dict(settings)
        access = Access(**{key: value for key, value in settings.items() if key in _ACCESS})
        _STATE.zarr_axes = settings.get("zarr_axes", "")
        if access != _STATE.access:
            _STATE.access = access
            _STATE.opened.clear()
    while _STATE.held:
        _STATE.held.pop().release()
    _STATE.expected = {uri: version for uri, version in (versions or {}).items() if version}
    _STATE.seen.clear()


def zarr_axes() -> str:
    """The axes of Zarr arrays that do not say theirs; empty if nobody has said them."""
    return _STATE.zarr_axes


def problem_of(uri: str) -> str:
    """Why a URI cannot be used, whatever is there; empty if it can."""
    if is_plane(uri):
        return ""
    scheme = uri.partition("://")[0]
    if scheme not in SCHEMES:
        return f"{scheme}:// is not among what can be read: {', '.join(f'{name}://' for name in SCHEMES)}"
    try:
        address = urlsplit(uri)
        secret = scheme.startswith("http") and (address.username is not None or address.port == 0)
        signed = any(name.lower() in _SIGNED for name, _ in parse_qsl(address.query))
    except ValueError:
        return "is no address"
    if secret or (signed and scheme.startswith("http")):
        return "the address holds credentials, which would stand in every record; leave them to ~/.netrc"
    if not address.netloc or not address.path.strip("/"):
        return "names no object"
    return ""


def joined(root: str, path: str) -> str:
    """A path from a folder at a URI."""
    return f"{root.rstrip('/')}/{path.removeprefix('./').lstrip('/')}"


def open_bytes(uri: str) -> bytes:
    """The content of an object, through the local copies.

    Raises
    ------
    RemoteError
        It cannot be had, or is not what the plan was made of.
    """
    with opened(uri) as path, open(path, "rb") as content:
        return content.read()


@contextlib.contextmanager
def opened(uri: str) -> Iterator[str]:
    """The path of a local copy, which is not removed as long as this lasts.

    Raises
    ------
    RemoteError
        As `open_bytes`.
    """
    copy = _copy(uri)
    try:
        yield copy.path
    finally:
        copy.release()


def local_file(uri: str) -> str:
    """The path of a local copy, which is not removed as long as this process lives, or until its next job.

    A Zarr has none: what opens it gets the URI.

    Raises
    ------
    RemoteError
        As `open_bytes`.
    """
    if is_zarr(uri):
        return uri
    _STATE.held.append(_copy(uri))
    return _STATE.held[-1].path


def cached(uri: str, version_: str) -> str | None:
    """The path of a local copy of a version, if there is one; nothing is fetched."""
    if is_zarr(uri):
        return None
    try:
        return copies.find(uri, version_, copies.folder_of(_STATE.access.cache))
    except OSError:
        return None


def local(path: str) -> str:
    """A path for a program that opens files: of an object, that of its local copy."""
    return local_file(path) if is_remote(path) else path


def asynchronous_filesystem(uri: str) -> Any:
    """The fsspec filesystem of a URI for those who await it, such as zarr; closed when Python ends.

    Raises
    ------
    RemoteError
        The URI cannot be used.
    """
    _check(uri)
    known = len(_STATE.opened)
    filesystem = _filesystem(_scheme(uri), asynchronous=True)
    if len(_STATE.opened) > known:
        atexit.register(_close, filesystem)
    return filesystem


def exists(uri: str) -> bool:
    """Whether there is an object.

    Raises
    ------
    RemoteError
        That cannot be found out.
    """
    return version(uri) is not None


def version(uri: str) -> str | None:
    """What changes with an object (``ETag``, else the time of its last change); None if it is not there.

    Raises
    ------
    RemoteError
        That cannot be found out.
    """
    return versions([uri])[uri]


def versions(uris: Iterable[str]) -> dict[str, str | None]:
    """The versions of many objects, with as few requests as can be; None of those that are not there.

    What a listing has told is not asked for again; `configure` forgets it.

    Raises
    ------
    RemoteError
        A server cannot be reached, or refuses; for all of its objects at once.
    """
    wanted = list(dict.fromkeys(uris))
    unknown: dict[str, list[str]] = {}
    for uri in wanted:
        if is_plane(uri):
            _STATE.seen[uri] = RENDERED
        elif uri not in _STATE.seen:
            _check(uri)
            unknown.setdefault(_scheme(uri), []).append(uri)
    for scheme, of_scheme in unknown.items():
        filesystem = _filesystem(scheme)
        _STATE.seen.update(_wait(filesystem, _versions(filesystem, scheme, of_scheme)))
    return {uri: _STATE.seen[uri] for uri in wanted}


def list_below(uri: str, *, recursive: bool = True) -> list[str]:
    """The objects below a URI, by their paths from there, folder by folder.

    Raises
    ------
    RemoteError
        They cannot be listed, or there is none.
    """
    _check(uri if uri.rstrip("/").count("/") > 2 else f"{uri.rstrip('/')}/-")
    scheme = _scheme(uri)
    if scheme.startswith("http"):
        raise RemoteError(f"{uri}: a web server does not list its files; name them in a table")
    filesystem = _filesystem(scheme)
    folder = filesystem._strip_protocol(uri.rstrip("/") + "/").rstrip("/")

    async def listed() -> list[Mapping[str, Any]]:
        try:
            if recursive:
                return list((await filesystem._find(folder, detail=True)).values())
            return list(await filesystem._ls(folder, detail=True, refresh=True))
        except FileNotFoundError:
            return []

    found = _wait(filesystem, ask(uri, listed))
    prefix = f"{folder}/"
    paths = []
    for each in found:
        if each["type"] == "file" and each["name"].startswith(prefix) and not each["name"].endswith("/"):
            inner = each["name"].removeprefix(prefix)
            _STATE.seen[joined(uri, inner)] = _version_in(each)
            paths.append(inner)
    return sorted(paths, key=lambda path: path.split("/"))


def zarrs_below(uri: str) -> list[str]:
    """The OME-Zarrs below a URI, by their paths from there; what is inside them is not listed.

    Raises
    ------
    RemoteError
        They cannot be listed.
    """
    scheme = _scheme(uri)
    if scheme.startswith("http"):
        raise RemoteError(f"{uri}: a web server does not list its files; name each OME-Zarr in a table")
    filesystem = _filesystem(scheme)

    async def below(folder: str) -> list[str]:
        async def inside() -> list[Mapping[str, Any]]:
            try:
                return list(await filesystem._ls(folder, detail=True, refresh=True))
            except FileNotFoundError:
                return []

        found: list[str] = []
        for each in await ask(uri, inside):
            path = str(each["name"]).rstrip("/")
            if each["type"] != "directory" or path == folder or path.rpartition("/")[2].startswith("."):
                continue
            found += [path] if is_zarr(path) else await below(path)
        return found

    top = filesystem._strip_protocol(uri.rstrip("/") + "/").rstrip("/")
    return sorted(path.removeprefix(f"{top}/") for path in _wait(filesystem, below(top)))


def settings() -> dict[str, Any]:
    """How this process reaches objects, as `configure` takes it."""
    return {name: value for name, value in vars(_STATE.access).items() if value != getattr(Access, name)}


# --- one object ------------------------------------------------------------------------------------


def _copy(uri: str) -> copies.Copy:
    """The local copy of an object, fetched if it is not there."""
    _check(uri)
    if is_plane(uri):
        return _copy_of_plane(uri)
    expected = _STATE.expected.get(uri)
    wanted = expected or version(uri)
    if wanted is None:
        raise RemoteError(f"{uri}: {MISSING}")
    filesystem = _filesystem(_scheme(uri))

    def fetch(path: str) -> None:
        async def all_of_it() -> None:
            with _booked(uri) as booked:
                await filesystem._get_file(filesystem._strip_protocol(uri), path, callback=booked)

        found = None
        with contextlib.suppress(FileNotFoundError):
            _wait(filesystem, ask(uri, all_of_it))
            found = _wait(filesystem, _versions(filesystem, _scheme(uri), [uri]))[uri]
        if found != wanted:
            what = "is not there any more" if found is None else "has changed"
            raise RemoteError(f"{uri}: {what} since the run began; the next run takes it as it is then")

    return _obtained(uri, wanted, fetch)


@contextlib.contextmanager
def _booked(uri: str) -> Iterator[Any]:
    """A callback of a download, which counts its bytes among the local copies as long as they come.

    Those of a process that is killed meanwhile stay counted, until copies are removed and counted anew.

    Raises
    ------
    RemoteError
        There are more than all copies may have.
    """
    from fsspec.callbacks import Callback

    access = _STATE.access
    folder = copies.folder_of(access.cache)

    class Booked(Callback):  # type: ignore[misc]  # fsspec has no types
        """Books each part of a download as it comes, in steps."""

        booked = 0

        def set_size(self, size: Any) -> None:
            """Take the size that a server tells."""
            super().set_size(size)
            self.see(int(size or 0))
            self.book(int(size or 0))

        def relative_update(self, inc: int = 1) -> None:
            """Take a part that has come."""
            super().relative_update(inc)
            self.see(self.value)
            if self.value > self.booked:
                self.book(self.value + _STEP)

        def see(self, size: int) -> None:
            """Give up if so many bytes are too many."""
            _see_size(uri, size)

        def book(self, size: int) -> None:
            """Count so many bytes."""
            copies.count(folder, size - self.booked)
            self.booked = size

    booked = Booked()
    try:
        yield booked
    finally:
        copies.count(folder, -booked.booked)


def _see_size(uri: str, size: int) -> None:
    if size > _STATE.access.cache_size:
        what = f"has {size:,} bytes, more than all local copies may have together"
        raise RemoteError(f"{uri}: {what} (storage.cache_size)")


def _copy_of_plane(uri: str) -> copies.Copy:
    """A file of what an OMERO server renders now: it has no version that could be asked for."""
    content = fetch_plane(uri)
    _see_size(uri, len(content))

    def write(path: str) -> None:
        with open(path, "wb") as file:
            file.write(content)

    return _obtained(uri, hashlib.sha256(content).hexdigest(), write)


def _obtained(uri: str, version: str, fetch: Callable[[str], None]) -> copies.Copy:
    access = _STATE.access
    try:
        return copies.obtain(uri, version, fetch, copies.folder_of(access.cache), access.cache_size)
    except OSError as error:
        what = f"the folder of local copies, {access.cache}, cannot be used: {error.strerror or error}"
        raise RemoteError(f"{uri}: {what} (storage.cache)") from None


# --- many objects ----------------------------------------------------------------------------------


async def _versions(filesystem: Any, scheme: str, uris: Sequence[str]) -> dict[str, str | None]:
    import asyncio

    limit = asyncio.Semaphore(AT_ONCE)

    async def one(uri: str) -> str | None:
        async with limit:
            return await ask(uri, lambda: version_of(filesystem, uri))

    async def zarr(uri: str, names: Sequence[str]) -> tuple[str, str | None]:
        """The metadata object that a Zarr has, and its version."""
        for name in names:
            found = await one(f"{uri.rstrip('/')}/{name}")
            if found is not None:
                return name, found
        return names[0], None

    async def folder(of: str, members: Sequence[str]) -> dict[str, str | None]:
        async with limit:
            there = await ask(of, lambda: _listed(filesystem, of))
        return {uri: there.get(filesystem._strip_protocol(uri)) for uri in members}

    found: dict[str, str | None] = {}
    zarrs = [uri for uri in uris if is_zarr(uri)]
    if zarrs:
        # all images of a plate have their metadata under one name
        first, found[zarrs[0]] = await zarr(zarrs[0], METADATA)
        names = sorted(METADATA, key=lambda name: name != first)
        rest = await asyncio.gather(*(zarr(uri, names) for uri in zarrs[1:]))
        found.update(zip(zarrs[1:], (version_ for _, version_ in rest), strict=True))
    folders: dict[str, list[str]] = {}
    for uri in uris:
        if uri not in found:
            folders.setdefault(uri.rpartition("/")[0], []).append(uri)
    together = {
        of: members
        for of, members in folders.items()
        if len(members) >= LISTED and not scheme.startswith("http")
    }
    for answer in await asyncio.gather(*(folder(of, members) for of, members in together.items())):
        found.update(answer)
    alone = [uri for of, members in folders.items() if of not in together for uri in members]
    found.update(zip(alone, await asyncio.gather(*map(one, alone)), strict=True))
    return found


async def _listed(filesystem: Any, folder: str) -> dict[str, str | None]:
    """The versions of all objects that lie directly in a folder."""
    try:
        entries = await filesystem._ls(filesystem._strip_protocol(folder), detail=True, refresh=True)
    except FileNotFoundError:
        return {}
    return {each["name"]: _version_in(each) for each in entries if each["type"] == "file"}


async def version_of(filesystem: Any, uri: str) -> str | None:
    """The version of one object, as its filesystem tells it; None if it is not there."""
    try:
        if uri.startswith("http"):
            return await _web_version(filesystem, uri)
        told = await filesystem._info(filesystem._strip_protocol(uri))
    except FileNotFoundError:
        return None
    return _version_in(told) if told["type"] == "file" else None


async def _web_version(filesystem: Any, uri: str) -> str | None:
    """The version that a web server tells; one that knows no HEAD is asked for a first byte."""
    session = await filesystem.set_session()
    for method, headers in (("HEAD", {}), ("GET", {"Range": "bytes=0-0"})):
        headers = {"Accept-Encoding": "identity", **headers}
        asked = session.request(method, filesystem.encode_url(uri), headers=headers, allow_redirects=True)
        async with asked as answer:
            if answer.status in (404, 410):
                return None
            if method == "HEAD" and answer.status in (405, 501):
                continue
            answer.raise_for_status()
            told = answer.headers
            size = told.get("Content-Range", "").rpartition("/")[2] or told.get("Content-Length", "")
            return _plain(told.get("ETag") or told.get("Last-Modified") or f"{size} bytes")
    return None


def _version_in(told: Mapping[str, Any]) -> str:
    """The version in what a filesystem tells of an object."""
    for key in ("ETag", "generation", "etag", "md5Hash", "LastModified", "mtime"):
        if told.get(key):
            return _plain(str(told[key]))
    return f"{told.get('size')} bytes"


def _plain(version_: str) -> str:
    return version_.removeprefix("W/").strip('"')


# --- filesystems, and what may go wrong with them --------------------------------------------------


def _scheme(uri: str) -> str:
    return uri.partition("://")[0]


def _check(uri: str) -> None:
    problem = problem_of(uri)
    if problem:
        # what may be secret in an address is not repeated
        shown = f"{_scheme(uri)}://…" if uri.startswith("http") else uri
        raise RemoteError(f"{shown}: {problem}")


def _filesystem(scheme: str, *, asynchronous: bool = False) -> Any:
    """The filesystem of a scheme, opened once in each process."""
    key = (scheme, asynchronous, os.getpid())
    if key not in _STATE.opened:
        package, extra = SCHEMES[scheme]
        try:
            _STATE.opened[key] = _open(scheme, asynchronous, _STATE.access)
        except ImportError:
            raise MissingExtraError(f"reading {scheme}://", package, extra) from None
    return _STATE.opened[key]


def prepare(uris: Iterable[str]) -> None:
    """Read, before the warm process forks, what each fork would read anew to open S3.

    botocore's description of the service takes some 0.1 s to read, longer than a plane. Nothing is
    connected: a client is made and closed, for what it reads.
    """
    if _STATE.loader is None and any(uri.startswith("s3://") for uri in uris):
        import asyncio

        from botocore.loaders import create_loader

        _STATE.loader = create_loader()

        async def make_client() -> None:
            nobody = {"aws_access_key_id": "-", "aws_secret_access_key": "-", "region_name": "us-east-1"}
            async with _session(None).create_client("s3", **nobody):
                pass

        asyncio.run(make_client())


def _session(profile: str | None) -> Any:
    """A session of AWS, with what `prepare` has read."""
    from aiobotocore.session import AioSession

    session = AioSession(profile=profile)
    if _STATE.loader is not None:
        session.register_component("data_loader", _STATE.loader)
    return session


def _close(filesystem: Any) -> None:
    """Close the connections of a filesystem that Zarr's loop uses: left open, they complain at the end."""
    from zarr.core.sync import sync

    client = getattr(filesystem, "_s3", None) or getattr(filesystem, "_session", None)
    if client is not None:
        with contextlib.suppress(Exception):  # the process ends, whatever they say
            sync(client.close(), timeout=1)


def _open(scheme: str, asynchronous: bool, access: Access) -> Any:
    how = {"asynchronous": asynchronous, "skip_instance_cache": True, "use_listings_cache": False}
    if scheme == "s3":
        import s3fs

        filesystem = s3fs.S3FileSystem(
            anon=access.anon,
            session=_session(access.profile),
            endpoint_url=access.endpoint_url,
            client_kwargs={"region_name": access.region} if access.region else {},
            # `ask` is what tries again
            config_kwargs={
                "connect_timeout": 20,
                "read_timeout": SILENT_SECONDS,
                "retries": {"total_max_attempts": 1},
            },
            **how,
        )
        filesystem.retries = 1
        return filesystem
    if scheme == "gs":
        # the module itself: the package's own class brings gRPC along
        from gcsfs.core import GCSFileSystem

        return GCSFileSystem(token="anon" if access.anon else None, requests_timeout=_patience(), **how)
    from fsspec.implementations.http import HTTPFileSystem

    # `trust_env`: proxies, and logins of ~/.netrc
    return HTTPFileSystem(client_kwargs={"timeout": _patience(), "trust_env": not access.anon}, **how)


def _patience() -> Any:
    """How long a server is waited for; there is no limit on the whole, since files may be large."""
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=SILENT_SECONDS)


def _wait(filesystem: Any, answer: Awaitable[T]) -> T:
    """What a coroutine of a filesystem comes to, in the thread where those run."""
    from fsspec.asyn import sync

    async def awaited() -> T:
        return await answer

    return sync(filesystem.loop, awaited)  # type: ignore[no-any-return]


async def ask(uri: str, request: Callable[[], Awaitable[T]]) -> T:
    """The answer to a request, which is sent again if it did not come through.

    Raises
    ------
    RemoteError
        It was refused, or never came through. FileNotFoundError is left as it is.
    """
    import asyncio
    import random

    tries, began = _STATE.access.retries + 1, time.monotonic()
    for number in range(1, tries + 1):
        try:
            return await request()
        except (FileNotFoundError, RemoteError):
            raise
        except Exception as error:
            patient = time.monotonic() - began < GIVE_UP_SECONDS
            if number < tries and patient and _passes(error):
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (number - 1))
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                continue
            raise explained(uri, error, number) from None
    raise AssertionError("the loop ends by itself")


def _passes(error: Exception) -> bool:
    """Whether the same request may come through later."""
    status = getattr(error, "status", None) or getattr(error, "code", None)
    if isinstance(status, int) and status >= 100:
        return status >= 500 or status in (408, 425, 429)
    if isinstance(error, (PermissionError, IsADirectoryError, NotADirectoryError)):
        return False
    if isinstance(error, OSError):
        return error.errno not in _FINAL
    library = type(error).__module__.partition(".")[0]
    names = {each.__name__ for each in type(error).__mro__}
    return (library == "botocore" and "HTTPClientError" in names) or (
        library == "aiohttp" and "ClientError" in names and "InvalidURL" not in names
    )


def explained(uri: str, error: Exception, tries: int = 1) -> RemoteError:
    """Why an object cannot be had, in words that help, without anything secret."""
    said = str(error) or type(error).__name__
    for name in _SECRETS:
        if os.environ.get(name):
            said = said.replace(os.environ[name], "***")
    kind = type(error).__name__
    status = getattr(error, "status", None) or getattr(error, "code", None)
    if isinstance(error, PermissionError) or kind.endswith("CredentialsError") or status in (401, 403):
        return RemoteError(f"{uri}: access is denied: {_sentence(said)} ({_login(uri)})")
    if kind == "ProfileNotFound":
        return RemoteError(f"{uri}: {_sentence(said)} (storage.profile names one of ~/.aws/config)")
    if kind in ("EndpointConnectionError", "ClientConnectorError", "ClientConnectorDNSError"):
        hint = "is storage.endpoint_url right?" if uri.startswith("s3://") else "is the address right?"
        return RemoteError(f"{uri}: the server cannot be reached: {_sentence(said)} ({hint})")
    often = f", {tries} times" if tries > 1 else ""
    return RemoteError(f"{uri}: cannot be read{often}: {_sentence(said)}")


def _sentence(said: str) -> str:
    """One line, without a stop at its end."""
    return " ".join(said.split()).rstrip(".")[:500]


def _login(uri: str) -> str:
    if uri.startswith("s3://"):
        access = _STATE.access
        if access.anon:
            return "storage.anon is true: nothing but what is open to all can be read"
        known = "AWS_ACCESS_KEY_ID" in os.environ or access.profile is not None
        hint = "are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY right, or the profile?"
        if not known:
            hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or storage.profile"
        return f"{hint}; a bucket that is open to all needs storage.anon: true"
    if uri.startswith("gs://"):
        return "set GOOGLE_APPLICATION_CREDENTIALS; a bucket that is open to all needs storage.anon: true"
    return "a login for this server can stand in ~/.netrc"
