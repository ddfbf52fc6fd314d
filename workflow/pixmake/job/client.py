"""What a rule's command runs: hands its job to the warm process and waits for the end.

Where Snakemake does not do so by itself (its executor ``pixmake``), one of these starts for each image. So it
is kept to a few milliseconds: no `site`, no import that the common case does not need. Run as
``python -IS client.py SNAKEMAKE LIMITS PYTHON TASK ATTEMPT LOG OUTPUT… INPUT…``.
"""

# the private module: `socket` itself costs twice as much as this whole program
import _socket
import os
import sys

TYPE_CHECKING = False  # `typing` takes longer to import than the rest
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

_DONE, _TOLD, _REPLACED, _FAILED, _UNLOADED = 64, 65, 66, 67, 68  # as in run.py

_LOADED, _NOT_LOADED = b"pixmake: loaded in ", b"pixmake: not loaded: "  # as in models.py

UNLOADED_NOTE = ".snakemake/pixmake/unloaded"
"""Where a job notes why its step's models could not be loaded: see `pixmake.rules.unloaded`."""

_FOLDER = 0o040000
"""A folder in which nobody else may do anything, as `stat` has it."""

_LONGEST = 40
"""Letters of the path in which the folder of sockets may lie: an address has 107 at the most."""

_ADDRESSES: "dict[tuple[int, str, str, str], str]" = {}
"""Where a warm process answered this one last, by what it is asked for in `connect`."""

CONTAINED = 0
"""Stands for the Snakemake process where that cannot be seen: inside a container."""

ACTIVATED = "@"
"""Stands for the Python of the conda environment that Snakemake has activated for this job."""


def main(owner: int, words: list[str]) -> int:
    """Run a job of a Snakemake process; 0 if its record was left or 1 if it is to be tried again."""
    warm = hasattr(os, "fork") and os.environ.get("PIXMAKE_WARM") != "0" and owner != CONTAINED
    owner = owner or os.getppid()
    if words[2] == ACTIVATED:
        words[2] = f"{os.environ.get('CONDA_PREFIX', '')}/bin/python"
    if os.getppid() != owner:
        return 1  # Snakemake was killed in the moment in which it started this
    reply = ""
    if warm:
        connection = connect(owner, words[2], os.environ, holder_of(words))
        if connection is not None:
            reply = ask(connection, words, os.environ) or died_loading(words)
    if os.getppid() != owner:
        return 1  # Snakemake has gone: nothing is started in its absence
    if not reply:
        reply = str(_worker().run_plain(words, owner))
    if why := why_not_loaded(reply, words):
        return _end_unloaded(owner, words, why)
    return settle(owner, words, reply, lambda: _worker().explain(words, reply))


def settle(owner: int, words: list[str], reply: str, explain: "Callable[[], int]") -> int:
    """What an answer means: as `main`; of a job that left no record `explain` leaves one."""
    status = int(reply.split(" ", 1)[0])
    if not is_ours(status, words):
        status = explain()
    if status == _REPLACED:
        os.kill(owner, 9)  # whatever this Snakemake does from now on is another one's work
    return 0 if status in (_DONE, _FAILED) else 1


def holder_of(words: list[str]) -> str:
    """What tells the warm process of a step that loads models from others; nothing of all other steps."""
    return words[1].partition('"holder":"')[2].partition('"')[0]


def batch_of(words: list[str]) -> int:
    """How many images a step that loads models works on together, at the most."""
    return (
        int(words[1].partition('"batch":')[2].partition(",")[0].rstrip("}") or 1) if holder_of(words) else 1
    )


def died_loading(words: list[str]) -> str:
    """The answer in place of a warm process that ended while it loaded a step's models, if that was so."""
    if not holder_of(words):
        return ""
    log = _load_log(words)
    try:
        with open(log, "rb+") as file:
            said = file.read()
            if _LOADED in said:
                return ""
            if _NOT_LOADED not in said:
                step = os.path.basename(os.path.dirname(words[4]))
                why = f"steps.{step}.load: the process that loads has crashed, ended itself or was killed\n"
                file.write(_NOT_LOADED + why.encode())
    except OSError:
        return ""
    return f"{_UNLOADED} 0 0 0 0"


def why_not_loaded(reply: str, words: list[str]) -> str:
    """Why the models of a job's step could not be loaded, if this is its answer, and not an analysis's."""
    if int(reply.split(" ", 1)[0] or 0) != _UNLOADED or not holder_of(words):
        return ""
    try:
        with open(_load_log(words), "rb") as file:
            _, found, after = file.read().rpartition(_NOT_LOADED)
    except OSError:
        return ""
    # that line alone: another process that loads for this step goes on writing here
    said = after.partition(b"\n")[0].decode("utf-8", "replace").strip()
    return f"{said}; see {_load_log(words)}" if found else ""


def _load_log(words: list[str]) -> str:
    return f"{os.path.dirname(words[4])}.load.log"


def _end_unloaded(owner: int, words: list[str], why: str) -> int:
    """Say why no image of a step can be worked on, and have its Snakemake end."""
    sys.stderr.write(f"pixmake: {why}\n")
    try:
        with open(UNLOADED_NOTE, "a", encoding="utf-8", errors="replace") as note:
            note.write(f"pixmake: {why}\n")
    except OSError:
        pass  # then whoever has submitted this job sees that it has failed
    if "PIXMAKE_SUBMISSION" not in os.environ:
        os.kill(owner, 15)
    return 1


def is_ours(status: int, words: list[str]) -> bool:
    """Whether an exit status is what the job told us, and not one with which an analysis has ended itself."""
    if status in (_DONE, _FAILED):
        return os.path.exists(words[5])
    if status == _TOLD:
        step, name = words[5].removesuffix(".json").split("/")[-2:]
        try:
            with open(words[4], "rb") as log:
                return f"{step} {name}: ".encode("utf-8", "surrogateescape") in log.read()
        except OSError:
            return False
    return status == _REPLACED and "PIXMAKE_SUBMISSION" in os.environ


def connect(
    owner: int, python: str, environment: "Mapping[str, str]", holder: str = "", *, start: bool = True
) -> "_socket.socket | None":
    """A connection to the warm process, which is started if there is none and it may; else nothing.

    A step that loads models has one of its own, see `holder_of`.
    """
    threads = _threads(environment)
    asked = (owner, python, threads, holder)
    connection = _connected(_ADDRESSES.get(asked, ""))
    if connection is None:
        home = folder()
        if not home:
            return None
        address = f"{home}/{owner}.{numbering()}.{started(owner)}.{_digest(python)}.{threads}"
        address += f".{holder}" if holder else ""
        connection = _connected(address)
        if connection is None and start and _worker().start_template(address, owner, python, threads, holder):
            connection = _connected(address)
        if connection is None:
            return None
        _ADDRESSES[asked] = address
    return connection if is_mine(connection) else None


def _connected(address: str) -> "_socket.socket | None":
    """A connection to what listens at an address; nothing if nothing does."""
    if not address:
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        return None
    return connection


def ask(
    connection: "_socket.socket",
    words: list[str],
    environment: "Mapping[str, str]",
    *,
    prepare: bool = False,
) -> str:
    """Hand a job over and wait: the answer of the warm process, or nothing if it has gone.

    With ``prepare`` it is not run: what its step needs is imported and read, and the answer is nothing.
    """
    if not send(connection, words, environment, "prepare" if prepare else ""):
        return ""
    try:
        reply = b""
        while True:
            part = connection.recv(4096)
            if not part:
                return reply.decode()
            reply += part
    except OSError:
        return ""


def send(
    connection: "_socket.socket", words: list[str], environment: "Mapping[str, str]", how: str = ""
) -> bool:
    """Tell the warm process what is asked of it; whether it could be told.

    With ``fork``, words are the name of a module, whose ``serve`` gets the connection in a fork of its own.
    """
    variables = "\0".join(f"{key}={value}" for key, value in environment.items())
    request = "\1".join([os.getcwd(), variables, "\0".join(words), *([how] if how else [])])
    content = request.encode("utf-8", "surrogateescape")
    try:
        connection.sendall(len(content).to_bytes(8, "big") + content)
    except OSError:
        return False
    return True


def folder() -> str:
    """Where sockets lie: a folder that is known to be this user's alone; nothing if there is none.

    What goes through them is a job's whole environment, and others may make a folder in ``/tmp``, too.
    """
    for place in places():
        try:
            found = _made(place)
        except OSError:
            continue
        if found.st_uid == os.geteuid() and found.st_mode & 0o170077 == _FOLDER:
            return place
    return ""


def _made(place: str) -> "os.stat_result":
    """A folder as it is, made if there is none."""
    try:
        return os.lstat(place)
    except FileNotFoundError:
        os.mkdir(place, 0o700)
    return os.lstat(place)


def places() -> list[str]:
    """Where sockets may lie, the best place first; each path is short enough for one."""
    home = os.environ.get("XDG_RUNTIME_DIR", "")
    first = [f"{home}/pixmake"] if home.startswith("/") and len(home) <= _LONGEST else []
    usual = f"/tmp/pixmake-{os.geteuid()}"
    return [*first, usual, *(f"{usual}.{number}" for number in range(1, 10))]


def displaced() -> str:
    """A line that says where sockets lie, if the usual place is somebody else's; else nothing."""
    usual, found = f"/tmp/pixmake-{os.geteuid()}", folder()
    if not found:
        what = "each image has a process of its own, which takes longer"
    elif found.startswith(f"{usual}."):
        what = f"{found} is used in its place"
    else:
        return ""
    return f"{usual} is not a folder of this user's alone: {what}"


def is_mine(connection: "_socket.socket") -> bool:
    """Whether a process of this user is at the other end of a connection, where the system tells."""
    if not hasattr(_socket, "SO_PEERCRED"):
        return True
    found = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int.from_bytes(found[4:8], sys.byteorder) == os.geteuid()


def numbering() -> str:
    """Whose numbers of processes are meant: containers count for themselves, and may share a folder."""
    try:
        return f"{os.stat('/proc/self/ns/pid').st_ino:x}"
    except OSError:
        return "0"  # no /proc here, or none of Linux


def started(process: int) -> str:
    """When a process started, so that a number that is used again is told apart."""
    try:
        with open(f"/proc/{process}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        return "0"  # no /proc here; the process number has to do


def _threads(environment: "Mapping[str, str]") -> str:
    """The threads of the rule, which Snakemake puts into the environment of each command."""
    return environment.get("OMP_NUM_THREADS", "1")


def _digest(text: str) -> str:
    number = 0
    for letter in text.encode("utf-8", "surrogateescape"):
        number = (number * 131 + letter) % 0xFFFFFFFF
    return f"{number:x}"


def _worker() -> "ModuleType":
    """The rest of pixmake, which is needed only at the start of a run and when something went wrong."""
    if __name__ != "__main__":
        from pixmake.job import warm_server as found

        return found
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    try:
        import warm_server  # type: ignore[import-not-found]
    finally:
        del sys.path[0]
    return warm_server  # type: ignore[no-any-return]


if __name__ == "__main__":
    owner, limits, python, task, *rest = sys.argv[1:]
    sys.exit(main(int(owner), [task, limits, python, *rest]))
