"""Lets jobs that wait in line begin, as many at one time as there are cores for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class _Batch:
    """Jobs that hold their cores together."""

    begun: threading.Event = field(default_factory=threading.Event)
    joined: int = 0
    left: int = 0


class Gate:
    """Cores that are given to jobs in the order in which they ask for them."""

    def __init__(self, cores: int, few: int = 0) -> None:
        self.cores = cores
        self.is_short = threading.Event()
        """Whether no more than `few` wait in line."""
        self.is_short.set()
        self._few = few
        self._free = cores
        self._line: deque[tuple[int, threading.Lock]] = deque()
        """Who waits: for how many cores, and a lock that is released when they have them."""
        self._lock = threading.Lock()
        self._batches: dict[str, _Batch] = {}
        """By what is worked on together: the batch that a job may still join."""

    @contextmanager
    def held(self, cores: int) -> Iterator[None]:
        """Hold so many cores, after all who have asked before; at most as many as there are.

        Who needs none does not wait.
        """
        cores = min(cores, self.cores)
        if not cores:
            yield
            return
        self._take(cores)
        try:
            yield
        finally:
            self._give_back(cores)

    @contextmanager
    def shared(self, key: str, cores: int, most: int) -> Iterator[None]:
        """Hold so many cores together with other jobs of a key, ``most`` at one time.

        They may join until the first of them is done; who comes later waits for cores of another batch.
        """
        with self._lock:
            batch = self._batches.get(key)
            first = batch is None or batch.joined == most or batch.left > 0
            if batch is None or first:
                batch = self._batches[key] = _Batch()
            batch.joined += 1
        cores = min(cores, self.cores)
        if first:
            self._take(cores)
            batch.begun.set()
        else:
            batch.begun.wait()
        try:
            yield
        finally:
            with self._lock:
                batch.left += 1
                ended = batch.left == batch.joined
            if ended:
                self._give_back(cores)

    def _take(self, cores: int) -> None:
        with self._lock:
            if not self._line and cores <= self._free:
                self._free -= cores
                return
            turn = threading.Lock()
            turn.acquire()
            self._line.append((cores, turn))
            if len(self._line) > self._few:
                self.is_short.clear()
        turn.acquire()

    def _give_back(self, cores: int) -> None:
        with self._lock:
            self._free += cores
            while self._line and self._line[0][0] <= self._free:
                needed, turn = self._line.popleft()
                self._free -= needed
                turn.release()
            if len(self._line) <= self._few:
                self.is_short.set()
