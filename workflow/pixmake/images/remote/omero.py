"""OMERO's JSON API over HTTP: log in, ask page by page, fetch rendered planes.

What is asked is what OMERO's documentation calls the JSON API (``/api/v0/``), its annotations
(``/webclient/api/annotations/``) and its rendered planes (``/webgateway/render_image/``). Nothing of OMERO's
own needs to be installed. Writing goes through the web client (``/webclient/annotate_map/``), which is no
public API: each of these was held against the source of omero-web 5.31.

Standard library only at import: planes are fetched in whatever Python environment a step runs in. There it
needs the package ``requests``.

Who logs in is said by the environment alone: ``OMERO_USER`` and ``OMERO_PASSWORD``, or ``OMERO_SESSION``, the
key of a session that is open already. Without them the server is asked as the public may ask it. The cookie
of a session lies in a folder that this user alone can read, so that a thousand images log in once.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pixmake.base.errors import MissingExtraError, PixmakeError, Problem
from pixmake.images.remote.uris import SCHEME

USER, PASSWORD, SESSION = "OMERO_USER", "OMERO_PASSWORD", "OMERO_SESSION"
"""The variables of the environment that say who logs in."""

VERSION = "0"
"""The version of the JSON API that we speak."""

PAGE = 200
"""Objects asked for at a time; a server may give fewer."""

PASSES = 3
"""How often a list is read that does not hold as many objects as the server has counted."""

_TRIES = 5
_SILENT_TRIES = 3
"""How often a server is asked that accepts and says nothing: with `_TIMEOUT` some three minutes."""
_PAUSE = 0.2
"""Seconds before the second repetition of a request that failed; each further one waits twice as long."""
_LONGEST_PAUSE = 20.0
"""Seconds that are waited before a request is sent again, whatever a busy server asks for."""
_TIMEOUT = (10, 60)
"""Seconds for connecting, and for the server's next word."""
LARGEST_ANSWER = 1_000_000_000
"""Bytes of an answer: a JPEG of more pixels than OpenCV decodes is smaller."""
_PART = 65_536
"""Bytes of an answer that are read at once."""
_BUSY = (429, 500, 502, 503, 504)
"""Answers after which a server may be asked again."""
_NOT_TAKEN = (429, 503)
"""Answers after which a server has done nothing, so that a form may be sent again, too."""
_SILENT = "the server does not answer in time", "does it open in a browser?"
_NOT_REACHED = "the server cannot be reached", "is the address right, and does it open in a browser?"
_RENDER = "webgateway/render_image"
_ADDRESS = "`server` is the address that stands before /webclient/ in the browser"


class OmeroError(PixmakeError):
    """An OMERO server that cannot be asked, or that does not give what it is asked for."""

    def __init__(self, what: str, where: str, hint: str = "") -> None:
        super().__init__([Problem(what, where, hint)])


@dataclass(frozen=True)
class _Answer:
    """What a server has answered, read to its end."""

    status_code: int
    reason: str
    url: str
    is_elsewhere: bool
    """Whether the server sent us on before it answered."""
    content: bytes

    def json(self) -> Any:
        """The content as JSON; ValueError if it is none."""
        try:
            return json.loads(self.content)
        except RecursionError:
            raise ValueError("it is nested too deep") from None


class Client:
    """A connection to one server, kept alive; it logs in when the server asks for it.

    Parameters
    ----------
    server
        The address of OMERO.web, e.g. ``https://omero.example.org``.
    """

    def __init__(self, server: str) -> None:
        self.server = server.rstrip("/")
        self._base = self.server
        self._requests = _requests()
        self._session = _http_session()
        self._once = _http_session(_NOT_TAKEN, read=0)
        self._once.cookies = self._session.cookies
        self._lock = threading.RLock()
        self._begun = False
        self._logins = 0

    def get(self, path: str, query: Query = ()) -> Any:
        """What the server answers to a request, as JSON has it.

        Raises
        ------
        OmeroError
            The server cannot be reached, refuses, or has no such thing.
        """
        answer = self._asked(path, query)
        try:
            return answer.json()
        except ValueError:
            raise OmeroError(f"/{path}: the answer is no JSON", self.server, _ADDRESS) from None

    def all(self, path: str, query: Query = ()) -> list[dict[str, Any]]:
        """All objects of a list, page by page, each once.

        A server orders images by name, so that two of one name may change places between two pages: then
        one comes twice, another never. Such a list is read again.

        Raises
        ------
        OmeroError
            As of `get`, or the pages do not hold all objects.
        """
        found: dict[int, dict[str, Any]] = {}
        total = 0
        for _ in range(PASSES):
            offset, total = 0, 1
            while offset < total:
                page = self.get(path, [*_pairs(query), ("limit", PAGE), ("offset", offset)])
                total = page["meta"]["totalCount"]
                if not page["data"]:
                    break
                found.update((each["@id"], each) for each in page["data"])
                offset += len(page["data"])
            if len(found) >= total:
                return list(found.values())
        what = f"/{path}: the server has {total} objects, but its pages hold {len(found)}"
        raise OmeroError(what, self.server, "was something changed at this moment? Try again")

    def fetch(self, path: str, query: Query = ()) -> bytes:
        """The bytes of an answer, e.g. of a picture."""
        return self._asked(path, query).content

    def post(self, path: str, form: Query) -> Any:
        """What the server answers to a form, as JSON has it. It is done once, or not at all.

        Raises
        ------
        OmeroError
            The server cannot be reached, or refuses.
        """
        with self._lock:
            self._begin()
        if not _may_log_in():
            raise OmeroError(f"/{path}: the server wants a login", self.server, self._hint())
        answer = self._posted(path, form)
        if _is_refused(answer):  # and so has done nothing
            with self._lock:
                self._log_in()
            answer = self._posted(path, form)
        if _is_refused(answer):
            raise OmeroError(_refusal(answer, path), self.server, self._hint())
        try:
            return self._checked(answer, path).json()
        except ValueError:
            raise OmeroError(f"/{path}: the answer is no JSON", self.server, _ADDRESS) from None

    def _posted(self, path: str, form: Query) -> _Answer:
        """The answer to a form, which needs a token of its session."""
        words = {"data": _pairs(form), "headers": self._token()}
        return self._send("POST", f"{self._base}/{path}", once=True, **words)

    def _token(self) -> dict[str, str]:
        """The headers that Django wants of who changes something; its cookie comes with the token."""
        token = self._json(f"api/v{VERSION}/token/")["data"]
        return {"X-CSRFToken": token, "Referer": f"{self._base}/"}

    def _asked(self, path: str, query: Query) -> _Answer:
        """An answer that is what was asked for; logs in, once, if the server wants it."""
        with self._lock:
            self._begin()
        logins = self._logins
        answer = self._send("GET", f"{self._base}/{path}", params=_pairs(query))
        if _is_refused(answer) and _may_log_in():
            with self._lock:
                if self._logins == logins:  # else another thread was faster
                    self._log_in()
            answer = self._send("GET", f"{self._base}/{path}", params=_pairs(query))
        if _is_refused(answer):
            raise OmeroError(_refusal(answer, path), self.server, self._hint())
        return self._checked(answer, path)

    def _begin(self) -> None:
        """See that this is a server of the API, and by which address it wants to be asked."""
        if self._begun:
            return
        answer = self._send("GET", f"{self.server}/api/")
        try:
            versions = [each["version"] for each in answer.json()["data"]]
        except (ValueError, KeyError, TypeError):
            what = f"is no OMERO.web with a JSON API: /api/ answers {_shown(answer)}"
            raise OmeroError(what, self.server, _ADDRESS) from None
        if VERSION not in versions:
            what = f"speaks version {', '.join(versions)} of the JSON API, pixmake speaks {VERSION}"
            raise OmeroError(what, self.server)
        # a server that sends us from http to https gets no password over http
        base = answer.url.split("?")[0].removesuffix("/").removesuffix("/api")
        if urlsplit(base).hostname != urlsplit(self.server).hostname:
            raise OmeroError(f"sends us to {base}", self.server, "if that is right, write it as `server`")
        self._base = base
        self._begun = True
        if _may_log_in() and not self._resume():
            self._log_in()

    def _log_in(self) -> None:
        """Log in as the environment says.

        Raises
        ------
        OmeroError
            The server does not take it.
        """
        self._session.cookies.clear()
        if not os.environ.get(USER):
            self._join()
        else:
            self._log_in_by_password()
        self._logins += 1
        self._keep()

    def _log_in_by_password(self) -> None:
        user, password = os.environ[USER], os.environ.get(PASSWORD, "")
        if not password:
            what = f"{USER} is set in the environment, but {PASSWORD} is not"
            raise OmeroError(what, self.server, f"read -rs {PASSWORD}; export {PASSWORD}")
        headers = self._token()
        servers = self._json(f"api/v{VERSION}/servers/")["data"]
        form = {"username": user, "password": password, "server": servers[0]["id"] if servers else 1}
        answer = self._send(
            "POST",
            f"{self._base}/api/v{VERSION}/login/",
            data=form,
            allow_redirects=False,
            headers=headers,
        )
        if answer.status_code != 200:
            said = _message(answer)
            what = f"{user} cannot log in" + (f": the server says {said!r}" if said else "")
            raise OmeroError(
                what, self.server, f"are {USER} and {PASSWORD} right, and is the account active?"
            )

    def _join(self) -> None:
        """Go on in the session that the environment names."""
        query = {"bsession": os.environ[SESSION], "server": "1"}
        answer = self._send("GET", f"{self._base}/api/v{VERSION}/m/datasets/", params={**query, "limit": "1"})
        if _is_refused(answer):
            what = f"the session of {SESSION} is not, or no longer, open"
            raise OmeroError(what, self.server, f"open one, or set {USER} and {PASSWORD}")

    def _json(self, path: str) -> Any:
        answer = self._send("GET", f"{self._base}/{path}")
        return self._checked(answer, path).json()

    def _checked(self, answer: _Answer, path: str) -> _Answer:
        """The answer, if it is one."""
        if answer.status_code == 404:
            raise OmeroError(*self._not_there(path))
        if answer.status_code >= 400:
            raise OmeroError(f"/{path}: the server answers {_shown(answer)}", self.server)
        return answer

    def _not_there(self, path: str) -> tuple[str, str, str]:
        """What is told of an object that is not there; to OMERO that is the same as one not to be seen."""
        name, number = _object(path)
        if not name:
            return f"/{path}: there is no such page", self.server, "is this server's OMERO.web too old?"
        who = os.environ.get(USER) or ("this session" if os.environ.get(SESSION) else "the public")
        return f"there is no {name} {number} that {who} may see", self.server, self._hint()

    def _hint(self) -> str:
        if os.environ.get(USER):
            return f"{os.environ[USER]} needs to be a member of the group that it belongs to"
        return f"to log in, set {USER} and {PASSWORD} in the environment, or {SESSION}"

    def _send(self, method: str, url: str, *, once: bool = False, **words: Any) -> _Answer:
        """Ask, again where the server is busy or the line breaks, unless once is what was asked for.

        Raises
        ------
        OmeroError
            The server cannot be reached, or says too much; the message never holds what was sent.
        """
        errors = self._requests.exceptions
        session = self._once if once else self._session
        try:
            with session.request(method, url, timeout=_TIMEOUT, stream=True, **words) as answer:
                content = bytearray()
                for part in answer.iter_content(_PART):
                    content += part
                    if len(content) > LARGEST_ANSWER:
                        what = f"{urlsplit(url).path}: the answer has more than {LARGEST_ANSWER:,} bytes"
                        raise OmeroError(what, self.server)
                status, reason, at = int(answer.status_code), str(answer.reason), str(answer.url)
                return _Answer(status, reason, at, bool(answer.history), bytes(content))
        except errors.SSLError:
            what, hint = "its certificate is not trusted on this computer", "ask those who run the server"
        except errors.Timeout:
            what, hint = _SILENT
        except errors.ConnectionError as error:
            what, hint = _SILENT if _was_silent(error) else _NOT_REACHED
        except errors.RequestException as error:
            what, hint = f"the server cannot be asked: {type(error).__name__}", ""
        raise OmeroError(what, self.server, hint) from None

    def _resume(self) -> bool:
        """Go on with the cookie of an earlier process, if there is one; it may have expired since."""
        file = self._cookie_file()
        try:
            found = os.lstat(file)
            if found.st_uid != os.getuid() or not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
                return False
            cookies = json.loads(file.read_text(encoding="utf-8"))
            for name, value in cookies.items():
                self._session.cookies.set(name, value, domain=_cookie_domain(self._base))
        except (OSError, ValueError, AttributeError):
            return False
        return True

    def _keep(self) -> None:
        """Leave the session's cookies for other processes of this user; without a safe place, nowhere."""
        file = self._cookie_file()
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            found = os.lstat(file.parent)
            if found.st_uid != os.getuid() or found.st_mode & 0o077 or not stat.S_ISDIR(found.st_mode):
                return
            temporary = file.with_name(f"{file.name}.{os.getpid()}")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as out:
                json.dump(self._session.cookies.get_dict(), out)
            temporary.replace(file)
        except OSError:
            return

    def _cookie_file(self) -> Path:
        who = f"{self._base}\n{os.environ.get(USER) or os.environ.get(SESSION)}"
        return Path(f"/tmp/pixmake-{os.getuid()}") / f"omero-{hashlib.sha256(who.encode()).hexdigest()[:24]}"


Query = Mapping[str, Any] | Sequence[tuple[str, Any]]


@functools.cache
def connect(server: str) -> Client:
    """The connection of this process to a server; it is made once."""
    return Client(server)


def annotations_of(client: Client, kind: str, parent: str, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The annotations of one kind that hang on some objects, each with the ``link`` that says on which.

    Parameters
    ----------
    client
        The server.
    kind
        ``map`` (key-value pairs) or ``tag``.
    parent
        ``image``, ``well``, ``plate``, ``screen``, ``dataset`` or ``project``.
    ids
        Those objects.
    """
    for start in range(0, len(ids), _IDS):
        query = [("type", kind), *((parent, number) for number in ids[start : start + _IDS])]
        seen: set[int] = set()
        for page in range(1, 10_000):
            path = "webclient/api/annotations/"
            found = client.get(path, [*query, ("page", page), ("limit", _ANNOTATIONS)])["annotations"]
            for each in found:
                if each["link"]["id"] not in seen:
                    seen.add(each["link"]["id"])
                    yield each
            if len(found) < _ANNOTATIONS:
                break


NAMESPACE = "pixmake/measurements"
"""What tells our key-value pairs from those of others."""


def put_pairs(client: Client, pairs: Mapping[int, Sequence[tuple[str, str]]]) -> Iterator[int]:
    """Have images hold key-value pairs, each in one annotation of ours, in place of what it held before.

    Parameters
    ----------
    client
        The server.
    pairs
        For each image's id, its keys and values.

    Yields
    ------
    int
        The id of each image that holds them now.

    Raises
    ------
    OmeroError
        The server refuses, or who is logged in may read an image and not annotate it.
    """
    ours: dict[int, int] = {}
    for each in annotations_of(client, "map", "image", list(pairs)):
        if each.get("ns") == NAMESPACE and each.get("permissions", {}).get("canEdit"):
            ours.setdefault(each["link"]["parent"]["id"], each["id"])
    for image, said in pairs.items():
        form: list[tuple[str, Any]] = [("image", image), ("ns", NAMESPACE)]
        form.append(("mapAnnotation", json.dumps([list(pair) for pair in said])))
        if image in ours:
            form.append(("annId", ours[image]))
        try:
            client.post("webclient/annotate_map/", form)
        except OmeroError:
            _see_permission(client, image)
            raise
        yield image


def _see_permission(client: Client, image: int) -> None:
    """See that who is logged in may annotate an image: where not, the web client answers with an error 500.

    Raises
    ------
    OmeroError
        They may not.
    """
    details = client.get(f"api/v{VERSION}/m/images/{image}/")["data"].get("omero:details", {})
    if details.get("permissions", {}).get("canAnnotate") is False:
        who = os.environ.get(USER) or "this session"
        hint = "its group has to be read-annotate for that; `pixmake export omero-csv` needs no permission"
        raise OmeroError(f"{who} may read image {image}, but not annotate it", client.server, hint)


_IDS = 100
"""Objects named in one address, so that it stays below what servers take."""
_ANNOTATIONS = 5000


def plane_uri(server: str, image: int, z: int, t: int, channel: int | None) -> str:
    """The path of a rendered plane in a table of images.

    Parameters
    ----------
    server
        The address of OMERO.web.
    image
        The image's id.
    z, t
        Which plane, from 0.
    channel
        Which channel as grey values, from 0; None: the colours that the server gives it.
    """
    shown = "" if channel is None else f"c={channel + 1}&m=g&"
    return f"{SCHEME}{server.rstrip('/')}/{_RENDER}/{image}/{z}/{t}/?{shown}q=1"


def plane_name(path: str) -> str:
    """What tells a plane from others of its server: the image's id, the plane and the channel.

    Examples
    --------
    >>> plane_name(plane_uri("https://omero.example.org", 51, 3, 0, 1))
    'omero_51_t0_c1_z3'
    """
    address = urlsplit(path)
    image, z, t = address.path.rstrip("/").rsplit("/", 3)[1:]
    channel = parse_qs(address.query).get("c")
    shown = f"_c{int(channel[0]) - 1}" if channel else ""
    return f"omero_{image}_t{t}{shown}_z{z}"


def fetch_plane(path: str) -> bytes:
    """A rendered plane as the JPEG that the server makes of it.

    Raises
    ------
    OmeroError
        The server cannot be reached, refuses, or has no such image.
    """
    server, _, rest = path.removeprefix(SCHEME).partition(f"/{_RENDER}/")
    numbers, _, query = rest.partition("?")
    pairs = [(name, value) for name, values in parse_qs(query).items() for value in values]
    return connect(server).fetch(f"{_RENDER}/{numbers}", pairs)


def _requests() -> Any:
    try:
        import requests
    except ImportError:
        raise MissingExtraError("OMERO", "requests", "omero") from None
    return requests


def _http_session(busy: Sequence[int] = _BUSY, read: int = _SILENT_TRIES - 1) -> Any:
    """A session of `requests` that keeps its connections and asks again where that may help.

    Parameters
    ----------
    busy
        The answers after which it does.
    read
        How often it does where all was sent, and nothing came.
    """
    requests = _requests()
    from urllib3.util.retry import Retry

    class Patient(Retry):
        """Waits as long as a busy server asks for, but not for ever."""

        def get_retry_after(self, response: Any) -> float | None:
            asked = super().get_retry_after(response)
            return None if asked is None else min(asked, _LONGEST_PAUSE)

    again = Patient(
        total=_TRIES - 1,
        read=read,
        backoff_factor=_PAUSE,
        status_forcelist=busy,
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=True,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=again))
    # a password belongs to the environment variables that we name, never to ~/.netrc
    session.auth = lambda request: request
    session.headers["User-Agent"] = "pixmake"
    return session


def _was_silent(error: Exception) -> bool:
    """Whether a connection was given up because the server had said nothing, each time it was asked."""
    from urllib3.exceptions import ReadTimeoutError

    return any(isinstance(getattr(cause, "reason", None), ReadTimeoutError) for cause in error.args)


def _may_log_in() -> bool:
    return bool(os.environ.get(USER) or os.environ.get(SESSION))


def _pairs(query: Query) -> list[tuple[str, Any]]:
    return list(query.items()) if isinstance(query, Mapping) else list(query)


def _is_refused(answer: _Answer) -> bool:
    """Whether the server wants a login, or another one: it says so, or sends to its page for that."""
    return answer.status_code in (401, 403) or (answer.is_elsewhere and "/login" in urlsplit(answer.url).path)


def _refusal(answer: _Answer, path: str) -> str:
    said = _message(answer)
    if answer.is_elsewhere or said.lower() == "not logged in":
        return f"/{path}: the server wants a login"
    return f"/{path}: no permission" + (f" (the server says {said!r})" if said else "")


def _message(answer: _Answer) -> str:
    """The server's own words, in one line, if it has any."""
    try:
        said = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return ""
    return " ".join(said.split())[:300]


def _shown(answer: _Answer) -> str:
    said = _message(answer)
    return f"{answer.status_code} {answer.reason}" + (f": {said}" if said else "")


def _object(path: str) -> tuple[str, str]:
    """What kind of object a path is about, and its id."""
    parts = path.strip("/").split("/")
    if path.startswith(_RENDER):
        return "image", parts[2]
    for name, number in itertools.pairwise(parts):
        if number.isdigit():
            return name.removesuffix("s"), number
    return "", ""


def _cookie_domain(address: str) -> str:
    host = urlsplit(address).hostname or ""
    return host if "." in host else f"{host}.local"
