"""The warm process of one step that loads models: it loads them before it forks, or has others serve.

What must not cross a fork is loaded by serving processes (`pixmake.job.serving`), each of which works on
image after image; this process hands the images to them, and starts another one where one has ended. Where a
step works on several together (`batch`), those that wait are handed over as one; of a batch that fails, or
whose process ends, the halves are handed over by themselves, until one image fails alone.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import selectors
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from pixmake.job import finished_results, gpus, memory, models, run, warm_server
from pixmake.job.batches import HALVE
from pixmake.job.serving import NEXT, serve_images
from pixmake.job.warm_server import IN_TIME, Child, Template, kill_child

if TYPE_CHECKING:
    from pixmake.job.run import Job

DEATHS = 2
"""So many serving processes that end in a row while they load, and none is started any more.

One may have been killed where several had no room together; the next one then says whether one alone has."""

IDLE_SECONDS = 30.0
"""How long a serving process without an image keeps its model."""

IDLE_ON_DEVICE = 2.0
"""As long as that where it holds a GPU, which others may wait for."""

GATHER_SECONDS = 0.03
"""How long after the last image a batch that is not full waits for another one."""

BEGUN = b"+"
"""What a serving process says when it begins with an image."""


@dataclass(frozen=True)
class _Asked:
    """A job that waits for a serving process."""

    client: socket.socket
    command: str
    job: Job
    when: float = field(default_factory=monotonic)


class Holder(Template):
    """The warm process of a step with models."""

    def __init__(self, address: str, owner: int) -> None:
        super().__init__(address, owner)
        self.serves: bool | None = None
        """Whether serving processes do the work; not known before the first job."""
        self.forks_servers = False
        """Whether a serving process is a fork of this one, which has loaded no model then."""
        self.failed = False
        """Whether the models could not be loaded."""
        self.slots = math.inf
        self.queue: deque[_Asked] = deque()
        self.loading: dict[int, socket.socket] = {}
        """The serving processes that load, with what leads to each."""
        self.at_work: dict[int, list[_Asked]] = {}
        """By the process: the jobs that were handed over to it together."""
        self.handed: set[int] = set()
        """The processes that have not said that they begin with those."""
        self.batch = 1
        """How many jobs are handed over together, at the most."""
        self.again: deque[list[_Asked]] = deque()
        """Parts of batches that have failed."""
        self.deaths = 0

    def _begin(self, client: socket.socket, text: str) -> None:
        if text == warm_server.ENOUGH:
            self.gone = not (self.children or self.queue or self.again)
            return
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
            if not finished_results.on_node():  # on other nodes it may say why a load failed
                log.write_bytes(b"")
        self.serves = limits.load_in == "process" or limits.gpu > 0
        self.forks_servers = self.serves and sys.platform == "linux"
        if self.forks_servers:
            with self._importing():
                warm_server.import_quietly(warm_server.BASICS)
        if not self.serves:
            self._load_here(job)
        self.idle_seconds = IDLE_ON_DEVICE if limits.gpu else IDLE_SECONDS
        there = len(gpus.devices()) // limits.gpu if limits.gpu else 0
        self.slots = min(limits.load_slots or math.inf, there or math.inf)
        self.batch = limits.batch or 1

    def _load_here(self, job: Job) -> None:
        self._prepare(job)
        with self._importing(), _printing_to(models.load_log(job.log)), self._ending_with_owner():
            self.failed = not models.load_first(job, warm_server.threads_here(), self.clean_up)
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
        while self.waiting and (batch := self._next_batch()):
            if not self._hand_to(self.waiting.pop(0), batch):
                self.again.appendleft(batch)
        waiting = [*(batch[0] for batch in self.again), *list(self.queue)[:: self.batch]]
        jobs = len(self.queue) + sum(map(len, [*self.again, *self.at_work.values()]))
        wanted = max(math.ceil(jobs / self.batch), 1 if waiting else 0) - len(self._pids())
        room = min(self.slots - len(self._pids()), max(wanted, 0))
        for asked in waiting[len(self.loading) :]:
            if room >= 1:
                self._start(asked)
                room -= 1

    def _next_batch(self) -> list[_Asked]:
        """The jobs that are handed over next; none while others may come to them in a moment."""
        if self.again:
            return self.again.popleft()
        if len(self.queue) < self.batch and self._gathers_until() > monotonic():
            return []
        return [self.queue.popleft() for _ in range(min(self.batch, len(self.queue)))]

    def _gathers_until(self) -> float:
        return self.queue[-1].when + GATHER_SECONDS if self.queue and self.batch > 1 else 0.0

    def _tend(self) -> None:
        super()._tend()
        if self.batch > 1 and self.queue and self.waiting:
            self._dispatch()

    def _patience(self) -> float | None:
        patience, gathers = super()._patience(), self._gathers_until() - monotonic()
        if not self.waiting or gathers < 0:
            return patience
        return gathers if patience is None else min(patience, gathers)

    def _start(self, asked: _Asked) -> None:
        """Start a serving process, which loads what the step of a job needs.

        As a fork it shares Python, NumPy and OpenCV with the others. Where a model was loaded here first, of
        a library that is lost in a fork, it is a Python of its own; so it is on macOS, where more are lost.
        """
        here, there = socket.socketpair()
        here.settimeout(warm_server.LINK_SECONDS)
        self.selector.register(here, selectors.EVENT_READ, self._is_loaded)
        if self.forks_servers:
            pid = os.fork()
            if pid == 0:
                self._become_server(there)
        else:
            os.set_inheritable(there.fileno(), True)
            command = [sys.executable, str(warm_server.__file__), "load", str(there.fileno())]
            pid = os.posix_spawn(sys.executable, command, os.environ)
        there.close()
        self.loading[pid] = here
        with contextlib.suppress(OSError):  # it has ended: that is seen where processes are reaped
            here.sendall(warm_server.message(asked.command))

    def _become_server(self, link: socket.socket) -> None:
        status = 70
        try:
            self._leave()
            status = serve_images(link.detach())
        except BaseException:
            import traceback

            with contextlib.suppress(BaseException):
                traceback.print_exc()
        finally:
            os._exit(status)

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

    def _hand_to(self, server: Child, batch: list[_Asked]) -> bool:
        """Hand jobs to a serving process; whether it is still there."""
        assert server.link is not None
        try:
            server.link.sendall(warm_server.message(NEXT.join(asked.command for asked in batch)))
        except OSError:
            self._end(server)
            return False
        self.handed.add(server.pid)
        self.at_work[server.pid] = batch
        timeout = batch[0].job.limits.timeout
        mem_mb = sum(asked.job.limits.mem_mb or 0 for asked in batch)
        held = memory.used(list(memory.tree(server.pid))) // 1_000_000 if mem_mb else 0
        self.children[server.pid] = replace(
            server,
            client=batch[0].client,
            timeout=timeout * len(batch) if timeout else None,
            mem_mb=mem_mb + held if mem_mb else None,
            started=monotonic(),
        )
        return True

    def _is_done(self, link: socket.socket) -> None:
        """A serving process begins with an image, or is done with it, or has ended."""
        told, child = self._heard(link)
        if child is None:
            return
        if told.startswith(BEGUN):
            self.handed.discard(child.pid)
            told = told.removeprefix(BEGUN)
        if not told:
            return
        statuses, cpu, goes_on = told.decode().split()
        self._answer_each(self.at_work.pop(child.pid, []), statuses.split(","))
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

    def _answer_each(self, batch: list[_Asked], statuses: list[str]) -> None:
        """Answer jobs that were worked on together, but for those that are to be tried in a smaller batch."""
        left = []
        for asked, status in zip(batch, statuses, strict=True):
            if int(status) == HALVE:
                left.append(asked)
            else:
                self._answer_one(asked, f"{status} {IN_TIME} 0 0 0")
        self._halve(left)

    def _halve(self, batch: list[_Asked]) -> None:
        batch = _without(None, batch)
        middle = (len(batch) + 1) // 2
        self.again.extendleft(part for part in (batch[middle:], batch[:middle]) if part)

    def _answer(self, child: Child, reply: str) -> None:
        """Answer for a process that has ended at its work: its job, or nobody if it had several."""
        batch = self.at_work.pop(child.pid, None)
        self.handed.discard(child.pid)
        if batch is None:  # a fork's
            super()._answer(child, reply)
        elif len(batch) > 1:
            self._halve(batch)
        else:
            for asked in batch:
                self._answer_one(asked, reply)

    def _answer_one(self, asked: _Asked, reply: str) -> None:
        if asked.client.fileno() >= 0:
            super()._answer(Child(0, asked.client, None), reply)

    def _reap(self, woken: object) -> None:
        for pid, link in list(self.loading.items()):
            ended, status, _ = os.wait4(pid, os.WNOHANG)
            if not ended:
                continue
            warm_server.kill_group(pid)
            self._close(link)
            del self.loading[pid]
            self.deaths += 1
            if self.deaths >= DEATHS and not self.failed and (first := self._first_waiting()):
                code = os.waitstatus_to_exitcode(status)
                why = f"steps.{first.task.step}.load: the process that loads {_how_it_ended(code)}"
                models.tell(models.load_log(first.log), models.LoadError(why))
                self._fail()
        self._take_back()
        super()._reap(woken)
        if self.serves and not self.failed:
            self._dispatch()

    def _take_back(self) -> None:
        """Have the jobs wait again whose process ended before it began with them."""
        for pid in list(self.handed):
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
                del self.children[pid]
                self.handed.discard(pid)
                self.again.appendleft(self.at_work.pop(pid))

    def _fail(self) -> None:
        """Answer all that wait: nothing can be loaded."""
        self.failed = True
        for asked in [*self.queue, *(asked for batch in self.again for asked in batch)]:
            self._refuse(asked.client)
        self.queue.clear()
        self.again.clear()
        for pid in self.loading:
            kill_child(pid)

    def _refuse(self, client: socket.socket) -> None:
        self.selector.unregister(client)
        with contextlib.suppress(OSError):
            client.sendall(f"{run.UNLOADED} {IN_TIME} 0 0 0".encode())
        client.close()

    def _first_waiting(self) -> Job | None:
        return next((asked.job for asked in [*self.queue, *(each[0] for each in self.again)]), None)

    def _client_gone(self, client: socket.socket) -> None:
        """Forget a job whose client has ended; a batch goes on as long as anybody waits for it."""
        self.queue = deque(asked for asked in self.queue if asked.client is not client)
        self.again = deque(left for batch in self.again if (left := _without(client, batch)))
        for pid, batch in list(self.at_work.items()):
            left = _without(client, batch)
            if left and len(left) < len(batch) and (child := self.children.get(pid)):
                child.client = left[0].client
        super()._client_gone(client)

    def _pids(self) -> list[int]:
        return [*super()._pids(), *self.loading]


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended itself with exit status {code}"
    hint = ", as the system does where memory is short" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code}{hint}"


def _without(client: socket.socket | None, batch: list[_Asked]) -> list[_Asked]:
    """Those of some jobs for which somebody waits, but for one client."""
    return [asked for asked in batch if asked.client is not client and asked.client.fileno() >= 0]


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
