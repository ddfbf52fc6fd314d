"""The warm process of one step that loads models: it loads them before it forks, or has others serve.

What must not cross a fork is loaded by serving processes (`pixmake.job.serving`), each of which works on
image after image; this process hands the images to them, and starts another one where one has ended.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import selectors
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from pixmake.job import gpus, memory, models, run, warm_server
from pixmake.job.warm_server import IN_TIME, Child, Template, kill_child

if TYPE_CHECKING:
    from pixmake.job.run import Job

DEATHS = 3
"""So many serving processes that end in a row while they load, and none is started any more."""

IDLE_SECONDS = 30.0
"""How long a serving process without an image keeps its model."""

IDLE_ON_DEVICE = 2.0
"""As long as that where it holds a GPU, which others may wait for."""


BEGUN = b"+"
"""What a serving process says when it begins with an image."""


@dataclass(frozen=True)
class _Asked:
    """A job that waits for a serving process."""

    client: socket.socket
    command: str
    job: Job


class Holder(Template):
    """The warm process of a step with models."""

    def __init__(self, address: str, owner: int) -> None:
        super().__init__(address, owner)
        self.serves: bool | None = None
        """Whether serving processes do the work; not known before the first job."""
        self.failed = False
        """Whether the models could not be loaded."""
        self.slots = math.inf
        self.queue: deque[_Asked] = deque()
        self.loading: dict[int, socket.socket] = {}
        """The serving processes that load, with what leads to each."""
        self.handed: dict[int, _Asked] = {}
        """By the process: jobs that were handed over, of which it has not said that it begins."""
        self.deaths = 0

    def _begin(self, client: socket.socket, text: str) -> None:
        folder, environment, command, *prepare = text.split("\1")
        job = run.parse_job(command.split("\0"))
        if self.serves is None:
            self._enter(folder, environment)
            self._decide(job)
        if not self.serves and not self.failed:
            super()._begin(client, text)
            return
        asked = _Asked(client, command, job)
        if prepare:
            self.selector.unregister(client)
            client.close()
            if self.serves and not self.failed and not self._pids():
                self._start(asked)
        elif self.failed:
            self._refuse(client)
        else:
            self._enter(folder, environment)
            self.queue.append(asked)
            self._dispatch()

    def _decide(self, job: Job) -> None:
        """Load the models here, or leave that to serving processes."""
        limits, log = job.limits, Path(models.load_log(job.log))
        with contextlib.suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_bytes(b"")
        self.serves = limits.load_in == "process" or limits.gpu > 0
        if not self.serves:
            self._load_here(job)
        self.idle_seconds = IDLE_ON_DEVICE if limits.gpu else IDLE_SECONDS
        there = len(gpus.devices()) // limits.gpu if limits.gpu else 0
        self.slots = min(limits.load_slots or math.inf, there or math.inf)

    def _load_here(self, job: Job) -> None:
        self._prepare(job)
        with self._importing(), _printing_to(models.load_log(job.log)), self._ending_with_owner():
            self.failed = not models.load_first(job, warm_server.threads_here())
        if job.limits.load_in == "auto" and not self.failed and models.why_not_forked():
            models.forget()
            self.serves = True

    @contextlib.contextmanager
    def _ending_with_owner(self) -> Iterator[None]:
        """End if the owner ends meanwhile: a load takes long, and sees nothing of it."""
        over, end = os.pipe()

        def watch() -> None:
            watched = os.pidfd_open(self.owner)
            if over not in select.select([over, watched], [], [])[0]:
                self.clean_up()
                os._exit(1)
            os.close(watched)

        watcher = threading.Thread(target=watch) if self.watches_owner else None
        if watcher:
            watcher.start()
        try:
            yield
        finally:
            os.write(end, b".")
            if watcher:
                watcher.join()
            os.close(over)
            os.close(end)

    # --- serving processes -------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Hand jobs to the serving processes that have none, and start as many as jobs wait."""
        while self.queue and self.waiting:
            asked, server = self.queue.popleft(), self.waiting.pop(0)
            if not self._hand_to(server, asked):
                self.queue.appendleft(asked)
        room = self.slots - len(self._pids())
        for asked in list(self.queue)[len(self.loading) :]:
            if room >= 1:
                self._start(asked)
                room -= 1

    def _start(self, asked: _Asked) -> None:
        """Start a serving process, which loads what the step of a job needs."""
        here, there = socket.socketpair()
        here.settimeout(warm_server.LINK_SECONDS)
        os.set_inheritable(there.fileno(), True)
        command = [sys.executable, str(warm_server.__file__), "load", str(there.fileno())]
        pid = os.posix_spawn(sys.executable, command, os.environ)
        there.close()
        self.loading[pid] = here
        self.selector.register(here, selectors.EVENT_READ, self._is_loaded)
        with contextlib.suppress(OSError):  # it has ended: that is seen where processes are reaped
            here.sendall(warm_server.message(asked.command))

    def _is_loaded(self, link: socket.socket) -> None:
        """A serving process has loaded its models, or could not."""
        told = b""
        with contextlib.suppress(OSError):
            told = link.recv(64)
        pid = next((pid for pid, each in self.loading.items() if each is link), 0)
        if told != b"loaded" or not pid:
            self._close(link)
            if told == b"failed":
                self._fail()
            return
        self.deaths = 0
        del self.loading[pid]
        self.selector.modify(link, selectors.EVENT_READ, self._is_done)
        self.waiting.append(Child(pid, None, None, link=link))
        self._dispatch()

    def _hand_to(self, server: Child, asked: _Asked) -> bool:
        """Hand a job to a serving process; whether it is still there."""
        assert server.link is not None
        try:
            server.link.sendall(warm_server.message(asked.command))
        except OSError:
            self._end(server)
            return False
        self.handed[server.pid] = asked
        limits = asked.job.limits
        held = memory.used(list(memory.tree(server.pid))) // 1_000_000 if limits.mem_mb else 0
        self.children[server.pid] = replace(
            server,
            client=asked.client,
            timeout=limits.timeout,
            mem_mb=limits.mem_mb + held if limits.mem_mb else None,
            started=monotonic(),
        )
        return True

    def _is_done(self, link: socket.socket) -> None:
        """A serving process begins with an image, or is done with it, or has ended."""
        told, child = self._heard(link)
        if child is None:
            return
        if told.startswith(BEGUN):
            self.handed.pop(child.pid, None)
            told = told.removeprefix(BEGUN)
        if not told:
            return
        status, cpu, goes_on = told.decode().split()
        self._answer(child, f"{status} {IN_TIME} 0 0 0")
        if child.killed or child.client is None:  # killed in this moment
            child.client = None
            return
        del self.children[child.pid]
        server = replace(child, client=None, cpu=float(cpu), started=monotonic())
        if goes_on == "1":
            self.waiting.append(server)
        else:
            self._end(server)
        self._dispatch()

    def _reap(self, woken: object) -> None:
        for pid, link in list(self.loading.items()):
            ended, status, _ = os.wait4(pid, os.WNOHANG)
            if not ended:
                continue
            warm_server.kill_group(pid)
            self._close(link)
            del self.loading[pid]
            self.deaths += 1
            if self.deaths >= DEATHS and not self.failed and self.queue:
                code = os.waitstatus_to_exitcode(status)
                how = f"killed by signal {-code}" if code < 0 else f"ended by itself with exit status {code}"
                why = f"steps.{self.queue[0].job.task.step}.load: the process that loads was {how}"
                models.tell(models.load_log(self.queue[0].job.log), models.LoadError(why))
                self._fail()
        self._take_back()
        super()._reap(woken)
        if self.serves and not self.failed:
            self._dispatch()

    def _take_back(self) -> None:
        """Have the jobs wait again whose process ended before it began with them."""
        for pid, asked in list(self.handed.items()):
            child = self.children.get(pid)
            if child is None or child.link is None:
                continue
            if (
                child.link.fileno() >= 0 and select.select([child.link], [], [], 0)[0]
            ):  # what it said before it ended
                self._is_done(child.link)
            if pid not in self.handed or child.killed or child.client is None:
                continue
            if os.wait4(pid, os.WNOHANG)[0]:
                warm_server.kill_group(pid)
                self._close(child.link)
                del self.children[pid], self.handed[pid]
                self.queue.appendleft(asked)

    def _fail(self) -> None:
        """Answer all that wait: nothing can be loaded."""
        self.failed = True
        for asked in self.queue:
            self._refuse(asked.client)
        self.queue.clear()
        for pid in self.loading:
            kill_child(pid)

    def _refuse(self, client: socket.socket) -> None:
        self.selector.unregister(client)
        with contextlib.suppress(OSError):
            client.sendall(f"{run.UNLOADED} {IN_TIME} 0 0 0".encode())
        client.close()

    def _client_gone(self, client: socket.socket) -> None:
        self.queue = deque(asked for asked in self.queue if asked.client is not client)
        super()._client_gone(client)

    def _pids(self) -> list[int]:
        return [*super()._pids(), *self.loading]


@contextlib.contextmanager
def _printing_to(log: str) -> Iterator[None]:
    """Have what is printed in this process go to a log, and then nowhere again."""
    with contextlib.suppress(OSError):
        warm_server.redirect(log, keep=True)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        warm_server.redirect(os.devnull)
