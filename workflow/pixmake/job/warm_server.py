"""The warm process: imports once what a step needs, then forks for each image.

One of these serves one Snakemake process, one interpreter and one number of threads. It ends with that
Snakemake process, whatever way that one ends, and takes every image's process along.

Standard library only and one file, since it must start in any Python environment that a step names.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` makes enumerations, in each image's process anew
import _thread
import contextlib
import ctypes
import errno
import faulthandler
import functools
import gc
import importlib
import importlib.util
import json
import os
import selectors
import signal
import socket
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

    from pixmake.job.run import Job

DONE, TOLD, FAILED, UNLOADED = 64, 65, 67, 68  # as in run.py
START_SECONDS = 60
STOP_SECONDS = 10
OWNER_POLL_SECONDS = 0.5
"""How often the owner is looked for where the operating system does not tell when it ends."""
STRAY_SECONDS = 0.5
"""How long the end of a process is waited for that an image's process left behind, and that was killed."""
LINK_SECONDS = 5
"""How long a process that waits for an image may take to be told one."""
MEMORY_SECONDS = 0.5
"""Between two looks at what a job's processes have together."""
ENOUGH = "enough"
"""Said to the warm process of a step that loads models: no image of it is left, so it may end."""
IN_TIME, LATE, LARGE = "0", "1", "2"
"""In an answer: whether a process was killed, for its time or for its memory."""
IDLE_SECONDS = 10
"""How long a process that is done with its image waits for another one, and keeps its memory."""

BASICS = ("pixmake.job.run", "numpy", "cv2")
"""What is imported before anything is known of a step: what most of them need, and so do tables and page."""

_HERE = Path(__file__).resolve().parent
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "GOTO")


# --- what the client calls -------------------------------------------------------------------------


def start_template(address: str, owner: int, python: str, threads: str, holder: str = "") -> bool:
    """Start the warm process that listens at an address, unless another client just did.

    Parameters
    ----------
    holder
        Not empty if it is one of a step of its own, which loads models: see `pixmake.job.holder`.

    Returns
    -------
    bool
        Whether one listens there. Once a start has failed, no further one is tried for this owner.
    """
    import fcntl
    import subprocess

    if not _private_folder(os.path.dirname(address)):
        return False
    with open(f"{address}.lock", "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _listens(address):
            return True
        lock.seek(0)
        if lock.read() or not _alive(owner):
            return False
        _sweep(address)
        how = "hold" if holder else "serve"
        command = [_interpreter(python), str(_HERE / "warm_server.py"), how, address, str(owner)]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=_template_environment(threads) | _huge_pages(),
            )
        except OSError as error:
            lock.write(f"{command[0]}: {error}")
            return False
        ready, said = _first_line(process)
        if not ready:
            process.kill()
            lock.write(said or "did not start in time")
        return ready


def run_plain(words: list[str], owner: int) -> str:
    """Run a job in a process of its own, without the warm one; the same result, later.

    Returns
    -------
    str
        What the warm process would have answered.
    """
    import subprocess

    command = [_interpreter(words[2]), str(_HERE / "warm_server.py"), "child"]
    adopt_strays()
    others = set(own_children())
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            start_new_session=True,
            env=_template_environment(os.environ.get("OMP_NUM_THREADS", "1")),
        )
    except OSError as error:
        return f"-1 0 0 0 0 {error}"
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(words).encode())
        process.stdin.close()
    limits = json.loads(words[1])
    child = Child(process.pid, None, limits.get("timeout"), mem_mb=_memory(limits, int(words[3])))
    while process.returncode is None:
        if os.getppid() != owner:
            kill_child(process.pid)
        child.kill_if_late()
        child.kill_if_large()
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = status
            kill_group(process.pid)
            kill_strays(others)
            return child.reply(status, usage)
        time.sleep(0.005)
    return ""


def explain(words: list[str], reply: str) -> int:
    """Leave the record of a job whose process ended without one: killed, crashed, out of time.

    Returns
    -------
    int
        As that of `job.run_job`.
    """
    status, killed, seconds, cpu, maxrss, *said = reply.split(" ", 5)
    load_package()
    job_room = importlib.import_module("pixmake.job.run")
    records = importlib.import_module("pixmake.job.record")
    job = job_room.parse_job(words)
    code = int(status)
    if said and said[0]:
        kind, message = "StartError", f"the step's Python could not be started: {said[0].strip()}"
    elif killed == LATE:
        kind = "TimeoutError"
        message = f"took longer than the step's timeout of {job.limits.timeout:g} s"
    elif killed == LARGE:
        kind = "MemoryError"
        allowed = f"resources.mem_mb allows ({job.limits.mem_mb} MB)"
        message = f"needs, with all that it has started, more memory than {allowed}"
    elif why := importlib.import_module("pixmake.job.client").why_not_loaded(reply, words):
        kind, message = "LoadError", why
    elif code < 0:
        name = "a signal"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
        kind = "CrashError"
        message = f"its process was killed by {name} (signal {-code})"
        if job.limits.mem_mb and name in ("SIGKILL", "SIGABRT"):
            message += f"; resources.mem_mb allows {job.limits.mem_mb} MB"
    else:
        kind = "CrashError"
        message = f"its process ended by itself with exit status {code}"
    facts = job_room.run_facts(
        job,
        time.time() - float(seconds),
        seconds=float(seconds),
        cpu=float(cpu),
        rss_mb=job_room.peak_mb(int(maxrss)),
        warm=os.environ.get("PIXMAKE_WARM") != "0",
    )
    ended: int = job_room.fail(job, records.Failure(kind, message, log=job.log), run=facts)
    return ended


def _memory(limits: dict[str, Any], attempt: int) -> int | None:
    """What a job may have at an attempt, in MB; the package is loaded only where there is a limit."""
    if not limits.get("mem_mb"):
        return None
    load_package()
    allowed: int | None = importlib.import_module("pixmake.job.task").at_this(limits["mem_mb"], attempt)
    return allowed


# --- the process of one image ----------------------------------------------------------------------


def run_child(words: list[str]) -> int:
    """Be the process of one image, without the warm one.

    Parameters
    ----------
    words
        The rule's command: task, limits, interpreter, attempt, log, outputs, inputs.
    """
    redirect(words[4])
    load_package()
    job = importlib.import_module("pixmake.job.run").parse_job(words)
    models = importlib.import_module("pixmake.job.models")
    if not models.has_models(job.task):
        return run_within_limits(job)
    importlib.import_module("pixmake.job.gpus").claim_devices(job.limits.gpu)
    # before there is a limit of memory, which is the image's
    if not models.load_first(job, threads_here()):
        return UNLOADED
    return run_within_limits(job, claims=False)


def threads_here() -> int:
    """How many threads libraries are held to in this process."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def redirect(log_file: str, *, keep: bool = False) -> None:
    """Have nothing to read, and write to a log, with ``keep`` behind what is there."""
    write_to(log_file, keep=keep)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def write_to(log_file: str, *, keep: bool = False) -> None:
    """Write to a log, with ``keep`` behind what is there; what there is to read stays."""
    fresh = 0 if keep else os.O_TRUNC
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | fresh, 0o666)
    for target in (1, 2):
        os.dup2(log, target)
    os.close(log)


def run_within_limits(
    job: Job, *, warm: bool = False, again: bool = False, learned: int | None = None, claims: bool = True
) -> int:
    """Run a job within its limits.

    Parameters
    ----------
    warm
        Whether this is a fork of the warm process.
    again
        Whether it has worked on another image before.
    learned
        A file descriptor to which the names of newly imported modules are written.
    claims
        Whether it is to claim the devices that it asks for, which this process may have by now.
    """
    # only for the first image: to look at each name copies a fifth of all memory that an image's process does
    before = set() if learned is None else set(sys.modules)
    limit_memory(job.limits.mem_mb)
    if job.limits.gpu and claims:
        importlib.import_module("pixmake.job.gpus").claim_devices(job.limits.gpu)
    status = _job_room().run_job(job, threads=threads_here(), warm=warm, again=again)
    if learned is not None and status == DONE:
        names = [name for name in sys.modules if name not in before]
        shared = importlib.import_module("pixmake.job.runners.imports").shared
        with contextlib.suppress(OSError):  # as much as fits: nobody reads before this process has ended
            os.write(learned, "".join(f"{name}\n" for name in ["", *shared(names)]).encode())
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # whatever an analysis has put in their place
            stream.flush()
    return int(status)


def limit_memory(mem_mb: int | None) -> None:
    """Let allocations fail beyond the asked-for memory, on top of what the template already holds."""
    if not mem_mb:
        return
    try:
        import resource

        pages = Path("/proc/self/statm").read_text().split()[5]
        held = int(pages) * os.sysconf("SC_PAGE_SIZE")
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = held + mem_mb * 1_000_000
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    except (ImportError, OSError, ValueError):
        return  # not on this platform: the cluster's own limit, if there is one, has to do


def _run_several(job: Job, link: socket.socket) -> int:
    """Run a job, and those that come through a link, for as long as each leaves the process as it was.

    Returns
    -------
    int
        The status of the last one. That each one before is done was told through the link.
    """
    reuse = importlib.import_module("pixmake.job.process_reuse")
    jobs = importlib.import_module("pixmake.job.run")
    found, status = reuse.look(), DONE
    for number in range(job.limits.images_per_process):
        if number:
            words = _next_job(link)
            if not words:
                return DONE
            job = jobs.parse_job(words)
            redirect(job.log)
        with warnings.catch_warnings():
            status = run_within_limits(job, warm=True, again=number > 0)
        if status != DONE or not reuse.put_back(found, job.limits.mem_mb):
            break
    return status


def _next_job(link: socket.socket) -> list[str]:
    """Tell that a job is done, and wait for the words of the next one; none if there is no other."""
    buffer = bytearray()
    try:
        link.sendall(str(time.process_time()).encode())
        while (text := whole_text(buffer)) is None:
            part = link.recv(1 << 20)
            if not part:
                return []
            buffer += part
    except OSError:  # the analysis has closed what is not its own; its record is there
        return []
    return text.split("\0")


def message(text: str) -> bytes:
    """A text as it goes through a socket: see `whole_text`."""
    content = text.encode("utf-8", "surrogateescape")
    return len(content).to_bytes(8, "big") + content


def whole_text(buffer: bytearray) -> str | None:
    """What was sent, once all of it is there: eight bytes say how long it is."""
    if len(buffer) < 8 or len(buffer) - 8 < int.from_bytes(buffer[:8], "big"):
        return None
    return buffer[8:].decode("utf-8", "surrogateescape")


# --- the warm process ------------------------------------------------------------------------------


@dataclass(eq=False)
class Child:
    """The process of one image, as its parent sees it."""

    pid: int
    client: socket.socket | None
    timeout: float | None
    what: str = ""
    learned: int | None = None
    started: float = field(default_factory=time.monotonic)
    killed: str = ""
    """Why it was killed, if it was: `LATE` or `LARGE`."""
    mem_mb: int | None = None
    """What it may have, with all that it starts."""
    looked: float = 0.0
    """When its memory was looked at."""
    link: socket.socket | None = None
    """If it may work on several images: how it tells that one is done, and gets the next."""
    setting: tuple[object, ...] = ()
    """What the next image must have in common with this one."""
    cpu: float = 0.0
    """CPU-seconds that it had used before this image."""

    def __post_init__(self) -> None:
        self.deadline = self.started + self.timeout if self.timeout else None

    def kill_if_late(self) -> None:
        """Kill it if its time is over."""
        if self.deadline and time.monotonic() > self.deadline and not self.killed:
            self.killed = LATE
            kill_child(self.pid)

    def kill_if_large(self) -> None:
        """Kill it if all its processes have more memory than it may have; looked at now and then."""
        if not self.mem_mb or self.killed or time.monotonic() < self.looked + MEMORY_SECONDS:
            return
        self.looked = time.monotonic()
        if importlib.import_module("pixmake.job.memory").exceeds(self.pid, self.mem_mb):
            self.killed = LARGE
            kill_child(self.pid)

    def reply(self, status: int, usage: object) -> str:
        """What its client is answered when it has ended."""
        code = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self.started
        cpu = usage.ru_utime + usage.ru_stime - self.cpu  # type: ignore[attr-defined]
        rss = usage.ru_maxrss  # type: ignore[attr-defined]
        return f"{code} {self.killed or IN_TIME} {seconds:.4f} {cpu:.4f} {rss}"


class Template:
    """The warm process: its socket, its owner, and the images' processes that run now."""

    def __init__(self, address: str, owner: int) -> None:
        self.address = address
        self.owner = owner
        self.children: dict[int, Child] = {}
        self.waiting: list[Child] = []
        """Those that are done with one image and may have another, the longest first."""
        self.others: list[int] = []
        """Forks that do what is no image's work."""
        self.folder = ""
        self.environment = ""
        self.set_by_imports: dict[str, str] = {}
        self.known: set[str] = set()
        self.prepared: set[str] = set()
        self.selector = selectors.DefaultSelector()
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(address)
        self.server.listen(1024)
        self.selector.register(self.server, selectors.EVENT_READ, self._accept)
        self.woken, wake = os.pipe()
        for end in (self.woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(self.woken, selectors.EVENT_READ, self._reap)
        self.gone = False
        self.idle_seconds: float = IDLE_SECONDS
        self.watches_owner = self._watch_owner()

    def serve(self) -> None:
        """Fork for each job until the owner has gone."""
        try:
            while not self.gone:
                for key, _ in self.selector.select(self._patience()):
                    key.data(key.fileobj)
                self._tend()
                if not self.watches_owner and not _alive(self.owner):
                    self.gone = True
        finally:
            self.server.close()
            self.clean_up()

    def _tend(self) -> None:
        """End what has taken too long or too much, or has waited for long enough."""
        for child in self.children.values():
            child.kill_if_late()
            child.kill_if_large()
        while self.waiting and self.waiting[0].started + self.idle_seconds < time.monotonic():
            self._end(self.waiting.pop(0))

    def clean_up(self) -> None:
        """End all images' processes, and leave no socket behind."""
        _kill_everything(self._pids())
        for name in (self.address, f"{self.address}.lock"):
            with contextlib.suppress(OSError):
                os.unlink(name)

    def _watch_owner(self) -> bool:
        try:
            watch = os.pidfd_open(self.owner)
        except (AttributeError, OSError) as error:
            if getattr(error, "errno", None) == errno.ESRCH:
                self.gone = True
            return False
        self.selector.register(watch, selectors.EVENT_READ, self._owner_ended)
        return True

    def _owner_ended(self, _: object) -> None:
        self.gone = True

    def _patience(self) -> float | None:
        deadlines = [c.deadline for c in self.children.values() if c.deadline and not c.killed]
        deadlines += [c.looked + MEMORY_SECONDS for c in self.children.values() if c.mem_mb and not c.killed]
        deadlines += [child.started + self.idle_seconds for child in self.waiting[:1]]
        wait = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        if self.watches_owner:
            return wait
        return OWNER_POLL_SECONDS if wait is None else min(wait, OWNER_POLL_SECONDS)

    def _accept(self, _: object) -> None:
        client, _address = self.server.accept()
        if not _is_mine(client):
            client.close()
            return
        buffer = bytearray()
        self.selector.register(client, selectors.EVENT_READ, lambda ready: self._receive(client, buffer))

    def _receive(self, client: socket.socket, buffer: bytearray) -> None:
        if client.fileno() < 0:  # answered, and so closed, in the moment in which it hung up
            return
        try:
            part = client.recv(1 << 20)
        except OSError:
            part = b""
        if not part:
            self._client_gone(client)
            return
        buffer += part
        text = whole_text(buffer)
        if text is not None:
            buffer.clear()
            self._begin(client, text)

    def _client_gone(self, client: socket.socket) -> None:
        """A client that ends before its job was killed, and its job with it."""
        self.selector.unregister(client)
        client.close()
        for child in self.children.values():
            if child.client is client:
                child.client = None
                kill_child(child.pid)

    def _begin(self, client: socket.socket, text: str) -> None:
        """Hand a job to a process that waits for one, or fork; or only prepare for jobs of its step."""
        folder, environment, command, *prepare = text.split("\1")
        self._enter(folder, environment)
        if prepare == ["fork"]:
            self._fork_for(client, command)
            return
        job = _job_room().parse_job(command.split("\0"))
        what = self._prepare(job)
        if prepare:
            self.selector.unregister(client)
            client.close()
            return
        setting = (what, folder, environment, job.limits.mem_mb)
        if self._hand_on(client, job, setting, command):
            return
        if self.waiting:  # so that there are never more processes than images at one time
            self._end(self.waiting.pop(0))
        reader, writer = _pipe() if what not in self.known else (None, None)
        here, there = None, None
        if writer is None and job.limits.images_per_process > 1 and not job.limits.gpu:
            here, there = socket.socketpair()
            here.settimeout(LINK_SECONDS)  # whatever its process does: no other image waits for it
            self.selector.register(here, selectors.EVENT_READ, self._is_done)
        pid = fork()
        if pid == 0:
            self._become_child(job, writer, there)
        if writer is not None:
            os.close(writer)
        if there is not None:
            there.close()
        self.children[pid] = Child(
            pid,
            client,
            job.limits.timeout,
            what,
            reader,
            mem_mb=job.limits.mem_mb,
            link=here,
            setting=setting,
        )

    def _fork_for(self, client: socket.socket, module: str) -> None:
        """Have a module of pixmake's do what a client asks for in a fork, before this process is a step's."""
        self.selector.unregister(client)
        if not self.prepared:
            with self._importing():
                import_quietly(BASICS)
            pid = os.fork()
            if pid == 0:
                self._become_other(client, module)
            self.others.append(pid)
        client.close()
        if "cv2" in sys.modules:
            importlib.import_module("pixmake.job.rehearsal").rehearse()

    def _become_other(self, client: socket.socket, module: str) -> None:
        try:
            link = os.dup(client.fileno())
            self._leave()
            importlib.import_module(module).serve(link)
        finally:
            os._exit(0)

    def _hand_on(self, client: socket.socket, job: Job, setting: tuple[object, ...], command: str) -> bool:
        """Hand a job to a process that waits for one like it; whether there is one."""
        for child in [child for child in self.waiting if child.setting == setting]:
            self.waiting.remove(child)
            assert child.link is not None
            try:
                child.link.sendall(message(command))
            except OSError:  # it was killed meanwhile
                self._end(child)
                continue
            self.children[child.pid] = replace(
                child, client=client, timeout=job.limits.timeout, started=time.monotonic()
            )
            return True
        return False

    def _heard(self, link: socket.socket) -> tuple[bytes, Child | None]:
        """What a process says by its link, and which one; none if it has ended, and the link is closed."""
        told = b""
        with contextlib.suppress(OSError):
            told = link.recv(65536)
        child = next((each for each in self.children.values() if each.link is link), None)
        if not told or child is None:
            self._close(link)
            return told, None
        return told, child

    def _is_done(self, link: socket.socket) -> None:
        """A process is done with its image, and may have another; or it has ended."""
        told, child = self._heard(link)
        if child is None:
            return
        kill_strays(set(self._pids()))
        self._answer(child, f"{DONE} {IN_TIME} 0 0 0")
        if child.killed or child.client is None:  # killed in this moment: it gets no other image
            child.client = None
            return
        del self.children[child.pid]
        self.waiting.append(replace(child, client=None, cpu=float(told), started=time.monotonic()))

    def _pids(self) -> list[int]:
        """All processes of its own: those at work on an image, those that wait for one, and others."""
        return [*self.children, *(child.pid for child in self.waiting), *self.others]

    def _end(self, child: Child) -> None:
        """End a process that waits for an image."""
        self._close(child.link)
        kill_child(child.pid)
        kill_strays(set(self._pids()))

    def _close(self, link: socket.socket | None) -> None:
        if link is not None and link.fileno() >= 0:
            self.selector.unregister(link)
            link.close()

    def _enter(self, folder: str, environment: str) -> None:
        """Be where the job's client is: the same for nearly all jobs, so each fork need not."""
        if folder != self.folder:
            self.folder = folder
            os.chdir(folder)
        if environment != self.environment:
            self.environment = environment
            os.environ.clear()
            pairs = (entry.partition("=") for entry in environment.split("\0") if entry)
            os.environ.update({name: value for name, _, value in pairs})
            os.environ.update(self.set_by_imports)
            import tempfile

            tempfile.tempdir = None  # it would keep the folder that it found first

    def _prepare(self, job: Job) -> str:
        """Import and read what all images of a step need, before the first of them: what the step runs."""
        what = repr((job.task.kind, job.task.work))
        if what not in self.prepared:
            self.prepared.add(what)
            jobs = importlib.import_module("pixmake.job.run")
            # what cannot be read, an image's process tells of
            with self._importing(), contextlib.suppress(BaseException), _within(job.limits.timeout):
                import_quietly(jobs.preloads(job))
                jobs.prepare(job)
        return what

    @contextlib.contextmanager
    def _importing(self) -> Iterator[None]:
        """Note the variables that libraries set for themselves (GDAL_DATA): an image would have them, too.

        What is there by then stays for good: no fork is to look for cycles of references in it.
        """
        before = dict(os.environ)
        yield
        self.set_by_imports |= {key: each for key, each in os.environ.items() if before.get(key) != each}
        gc.collect()
        gc.freeze()

    def _become_child(self, job: Job, writer: int | None, link: socket.socket | None) -> None:
        status = 70
        try:
            self._leave()
            write_to(job.log)  # the warm process has nothing to read, either
            status = _run_several(job, link) if link else run_within_limits(job, warm=True, learned=writer)
        except BaseException:
            import traceback

            with contextlib.suppress(BaseException):
                traceback.print_exc()
        finally:
            os._exit(status)

    def _leave(self) -> None:
        """Be a process of its own, in a fork, with nothing of what its parent waits for."""
        os.setsid()
        end_with_parent()
        adopt_strays()  # what it leaves to itself stays with it, and ends with it
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        for handle in [*self.selector.get_map(), self.selector.fileno()]:
            os.close(handle)  # type: ignore[arg-type]  # its keys are numbers

    def _reap(self, _: object) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.woken, 4096)
        replies = []
        for child in [*self.children.values(), *self.waiting]:
            try:
                ended, status, usage = os.wait4(child.pid, os.WNOHANG)
            except ChildProcessError:
                continue
            if not ended:
                continue
            kill_group(child.pid)
            self._close(child.link)
            if child.pid not in self.children:
                self.waiting.remove(child)
            else:
                del self.children[child.pid]
                replies.append((child, child.reply(status, usage)))
        kill_strays(set(self._pids()))  # before anyone hears of the end: what is left may still write
        for child, reply in replies:
            self._answer(child, reply)
            self._learn(child)

    def _answer(self, child: Child, reply: str) -> None:
        if child.client is None:
            return
        self.selector.unregister(child.client)
        with contextlib.suppress(OSError):
            child.client.sendall(reply.encode())
        child.client.close()

    def _learn(self, child: Child) -> None:
        """Import what the first image of an analysis had to import by itself."""
        if child.learned is None:
            return
        told = _read_now(child.learned)
        os.close(child.learned)
        if not told:  # it failed: the next one is to tell
            return
        self.known.add(child.what)
        # the last one may not have had room
        names = told.rpartition("\n")[0].split()
        if names:
            with self._importing():
                import_quietly(names)


@contextlib.contextmanager
def _within(timeout: float | None) -> Iterator[None]:
    """Give up an import that hangs, if images have a time limit: theirs do the same then, and run out of it.

    It may take longer than an image, which need not import it then.
    """

    def give_up(*_: object) -> None:
        raise TimeoutError

    seconds = max(timeout, START_SECONDS) if timeout else 0
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def import_quietly(names: Iterable[str]) -> None:
    """Import modules for all images to come; what cannot be imported, an image's process tells of."""
    for name in names:
        if name not in sys.modules:
            with contextlib.suppress(BaseException):
                importlib.import_module(name)


def serve(address: str, owner: int, *, hold: bool = False) -> None:
    """Be the warm process at an address, until the owner has gone; with ``hold`` that of a step's models."""
    spare_forks()
    adopt_strays()
    load_package()
    make = importlib.import_module("pixmake.job.holder").Holder if hold else Template
    template = make(address, owner)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(nothing, target)
    os.close(nothing)
    template.serve()


# --- forks -----------------------------------------------------------------------------------------

_is_alone = False
"""Whether the fork that goes on is of a process with one thread."""


def spare_forks() -> None:
    """Have `fork` do without what `threading` does after one, where there is but one thread.

    It makes its locks anew and forgets the other threads: a hundred pages of memory that each image's process
    would copy for nothing. Called before anything imports `threading`; other forks are as they always are.
    """
    # since 3.12 the thread's number is noted there, too
    if "threading" in sys.modules or sys.version_info >= (3, 12) or not hasattr(os, "register_at_fork"):
        return
    register = os.register_at_fork

    def register_conditionally(*, after_in_child: Callable[[], object]) -> None:
        register(after_in_child=lambda: None if _is_alone else after_in_child())

    os.register_at_fork = register_conditionally  # type: ignore[assignment]
    try:
        importlib.import_module("threading")
    finally:
        os.register_at_fork = register


def fork() -> int:
    """Fork this process."""
    global _is_alone
    _is_alone = _thread._count() == 0
    try:
        return os.fork()
    finally:
        _is_alone = False


# --- processes -------------------------------------------------------------------------------------


def kill_child(pid: int) -> None:
    """Kill a process that is not reaped yet, even before it leads its group, and its children."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    kill_group(pid)


def kill_group(leader: int) -> None:
    """Kill a process that leads a group, and its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def kill_strays(known: set[int]) -> None:
    """Kill what an image's process left behind in a group of its own; Linux hands it to us.

    With each that ends we get its children. One that does not end, as it waits for a disk that does not
    answer, is left to the next call.
    """
    end = time.monotonic() + STRAY_SECONDS
    while strays := [pid for pid in own_children() if pid not in known]:
        for pid in strays:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > end:
            return
        time.sleep(0.0005)


def _kill_everything(known: list[int]) -> None:
    """Kill all images' processes and all that they started; with each that ends we get its children."""
    end = time.monotonic() + STOP_SECONDS
    pids = known
    while pids and time.monotonic() < end:
        for pid in pids:
            kill_child(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.005)
        pids = own_children()


def _pipe() -> tuple[int, int]:
    """A pipe in which nobody waits: neither who writes for room, nor who reads for what is to come."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    return reader, writer


def _read_now(pipe: int) -> str:
    """What is in a pipe, whoever else may still hold its other end."""
    found = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(pipe, 65536):
            found += part
    return found.decode(errors="replace")


def own_children() -> list[int]:
    """The processes of which this one is the parent, where the system tells."""
    try:
        file = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
    except OSError:
        return []
    found = b""
    try:
        while part := os.read(file, 65536):
            found += part
    finally:
        os.close(file)
    return list(map(int, found.split()))


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            _prctl()(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def adopt_strays() -> None:
    """Become the parent of processes whose own parent, an image's process, has ended."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            _prctl()(36, 1)  # PR_SET_CHILD_SUBREAPER


@functools.cache
def _prctl() -> Callable[..., int]:
    """Looked up once, before any fork: an image's process need not."""
    function: Callable[..., int] = ctypes.CDLL(None).prctl
    return function


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def _listens(address: str) -> bool:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(address)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)
        return False
    finally:
        probe.close()
    return True


def _private_folder(folder: str) -> bool:
    """Make the folder of sockets, and see that nobody else can reach into it."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077 and stat.S_ISDIR(found.st_mode)


def _is_mine(connection: socket.socket) -> bool:
    """As in client.py."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(found[4:8], sys.byteorder) == os.geteuid()


def _sweep(address: str) -> None:
    """Remove the sockets of owners that have gone, left by a warm process that was killed.

    Those of another container, or of a node in one, are left alone: its owners cannot be seen from here.
    """
    folder, own = os.path.split(address)
    for name in os.listdir(folder):
        owner, numbering = [*name.split("."), ""][:2]
        if owner.isdigit() and numbering == own.split(".")[1] and not _alive(int(owner)):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


def _first_line(process: subprocess.Popen[bytes]) -> tuple[bool, str]:
    """Whether the warm process said that it is ready, else what it said."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        end = time.monotonic() + START_SECONDS
        said = b""
        while time.monotonic() < end and selector.select(end - time.monotonic()):
            part = os.read(process.stdout.fileno(), 65536)
            said += part
            if said == b"ready\n":
                return True, ""
            if not part:
                break
    return False, said.decode(errors="replace")[-2000:]


def _template_environment(threads: str) -> dict[str, str]:
    """The environment in which libraries are imported: threads as the rule says, sets in one order."""
    return {**os.environ, **thread_variables(threads), "PYTHONHASHSEED": "0"}


def _huge_pages() -> dict[str, str]:
    """Have glibc ask for huge pages: to touch each of 4 kB for the first time is what a fork spends most on.

    It is for the warm process and its forks: an image's own environment is that of its client.
    """
    given = os.environ.get("GLIBC_TUNABLES")
    return {"GLIBC_TUNABLES": f"glibc.malloc.hugetlb=1{f':{given}' if given else ''}"}


def command_environment(threads: str) -> dict[str, str]:
    """What a rule's command finds, but for its folder of temporary files: threads, and the shell's folder."""
    return {**os.environ, **thread_variables(threads), "PWD": os.getcwd()}


def thread_variables(threads: str) -> dict[str, str]:
    """The variables by which libraries are held to so many threads; Snakemake sets them for commands."""
    return {
        f"{name}_NUM_THREADS" if "MAXIMUM" not in name else f"{name}_THREADS": threads for name in _THREADS
    }


def _interpreter(python: str) -> str:
    return sys.executable if python == "-" else python


def load_package() -> None:
    """Make `pixmake` importable here without its neighbours in another environment."""
    if "pixmake" in sys.modules:
        return
    specification = importlib.util.spec_from_file_location(
        "pixmake", _HERE.parent / "__init__.py", submodule_search_locations=[str(_HERE.parent)]
    )
    assert specification is not None and specification.loader is not None
    package = importlib.util.module_from_spec(specification)
    sys.modules["pixmake"] = package
    specification.loader.exec_module(package)


def _job_room() -> Any:
    """The module `pixmake.job.run`, without the import system where it is loaded."""
    return sys.modules.get("pixmake.job.run") or importlib.import_module("pixmake.job.run")


def main(words: list[str]) -> int:
    """``serve`` or ``hold ADDRESS OWNER``, ``load LINK``; ``child``, ``explain REPLY`` with a job as JSON."""
    # this file's own folder must not be where `import config` looks
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != _HERE]
    faulthandler.enable(sys.stderr)  # to wherever file descriptor 2 leads, in an image's process to its log
    if words[0] in ("serve", "hold"):
        serve(words[1], int(words[2]), hold=words[0] == "hold")
        return 0
    if words[0] == "load":
        os.setsid()
        end_with_parent()
        adopt_strays()
        load_package()
        served: int = importlib.import_module("pixmake.job.serving").serve_images(int(words[1]))
        return served
    job = json.loads(sys.stdin.buffer.read())
    if words[0] == "explain":
        try:
            return explain(job, words[1])
        except OSError as error:  # where a record cannot be written, nor can why
            what = error.filename or "no record can be written"
            print(f"pixmake: {what}: {error.strerror}", file=sys.stderr)
            return 1
    end_with_parent()
    adopt_strays()
    return run_child(job)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    with contextlib.suppress(Exception):  # whatever an analysis has put in its place
        sys.stdout.flush()
    os._exit(status)
