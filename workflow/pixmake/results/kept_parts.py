"""Files made of parts, one for each record: the parts of records that are as they were are copied.

A table of a hundred thousand rows of which one is new is the old one and a row. What stays from run to run
is a second name of each file, since Snakemake removes a rule's output before it runs the rule again, and one
file that says of what each part was made and how long it is. Where any of this is missing, damaged, or of
another pixmake, all parts are made again; the files are the same by both ways, byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import json
import marshal
import os
import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import IO, Any

from pixmake.base.files import written_whole
from pixmake.base.ids import memory_of
from pixmake.base.installed import code_stamp
from pixmake.job.record import Record, parse_record

KEY = 16
"""Bytes that stand for what a part was made of."""

_HEAD = f"pixmake parts 1 {sys.implementation.cache_tag}\n".encode()
_BLOCK = 1 << 18
_CHECK = 4
"""Bytes of the checksum at the end."""


@dataclass
class Lines:
    """The records of a file that `pixmake.results.record_lines.gather` wrote, of which few are read."""

    file: IO[bytes]
    keys: bytes
    """`KEY` bytes of each line."""
    starts: array[int]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.starts)

    def record(self, number: int) -> Record:
        """One of them."""
        self.file.seek(self.starts[number])
        return parse_record(json.loads(self.file.readline()))


@contextmanager
def lines_of(path: str | Path) -> Iterator[Lines]:
    """Look at a file of records; each line is read once, and taken apart when it is asked for."""
    with open(path, "rb") as file:
        keys, starts, start = bytearray(), array("Q"), 0
        line = b""
        for line in file:
            keys += hashlib.blake2b(line, digest_size=KEY).digest()
            starts.append(start)
            start += len(line)
        lines = Lines(file, bytes(keys), starts)
        del keys, line  # sixteen bytes a record
        yield lines


def state_keys(paths: Iterable[str], also: Iterable[str] = repeat("")) -> bytes:
    """Keys of parts that are made of a file each, by its size and date.

    Parameters
    ----------
    paths
        The files, which are there.
    also
        Of each what else its part is made of.
    """
    keys = bytearray()
    for path, more in zip(paths, also, strict=False):
        found = os.stat(path)
        text = f"{path}\0{found.st_size} {found.st_mtime_ns}\0{more}"
        keys += hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=KEY).digest()
    return bytes(keys)


@dataclass
class Parts:
    """The parts of some files, in the order in which they stand there, and what is known of each."""

    keys: bytes = b""
    """`KEY` bytes of what each was made of."""
    known: list[Any] = field(default_factory=list)
    """What their maker keeps of each."""
    said: bytes = b""
    """What else decides all parts."""
    heads: dict[str, int] = field(default_factory=dict)
    """By file the bytes before its first part."""
    lengths: dict[str, array[int]] = field(default_factory=dict)
    """By file the bytes of each part."""
    checks: dict[str, bytes] = field(default_factory=dict)
    """By file the checksum of all of it: Snakemake sets its date, and a power cut may leave zeros."""

    def key(self, number: int) -> bytes:
        """What stands for what a part was made of."""
        return self.keys[number * KEY : number * KEY + KEY]

    def numbers(self) -> dict[bytes, int]:
        """The number of each part by what it was made of."""
        keys = self.keys
        return {keys[place : place + KEY]: place // KEY for place in range(0, len(keys), KEY)}

    def starts(self, name: str) -> array[int]:
        """Where each part of a file begins, and the last one ends."""
        found, start = array("Q", [self.heads[name]]), self.heads[name]
        for length in self.lengths[name]:
            start += length
            found.append(start)
        return found


def runs(numbers: Mapping[bytes, int], keys: bytes) -> Iterator[tuple[int | None, int, int]]:
    """Parts that stood together and still do, and those that are new.

    Parameters
    ----------
    numbers
        Those that were there, see `Parts.numbers`.
    keys
        Those that are to be there.

    Yields
    ------
    tuple
        The number that the first of them had, ``None`` if they are new; that which it has; how many.
    """
    count, number = len(keys) // KEY, 0
    while number < count:
        first, begin = numbers.get(keys[number * KEY : number * KEY + KEY]), number
        number += 1
        while number < count:
            other = numbers.get(keys[number * KEY : number * KEY + KEY])
            if other != (None if first is None else first + number - begin):
                break
            number += 1
        yield first, begin, number - begin


class PartFile:
    """A file that gets its parts one after the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.head, self.lengths = file, 0, array("I")
        self._digest = hashlib.blake2b(digest_size=KEY)

    def add(self, content: bytes) -> None:
        """What belongs to no part, or is counted by who calls."""
        self.file.write(content)
        self._digest.update(content)

    @property
    def check(self) -> bytes:
        """The checksum of all that was written."""
        return self._digest.digest()

    def begin(self, content: bytes) -> None:
        """What stands before the first part."""
        self.add(content)
        self.head = len(content)

    def put(self, content: bytes) -> None:
        """A part that is new."""
        self.add(content)
        self.lengths.append(len(content))

    def copy(self, other: IO[bytes], start: int, lengths: Sequence[int]) -> None:
        """Parts that stand together in another file."""
        other.seek(start)
        left = sum(lengths)
        while left:
            block = other.read(min(left, _BLOCK))
            if not block:
                raise OSError(f"{other.name} is shorter than it was")
            self.add(block)
            left -= len(block)
        self.lengths.extend(lengths)


class Memory:
    """What is kept from run to run of some files of results.

    Parameters
    ----------
    results
        The folder of results.
    name
        What they are called together.
    about
        What else decides what is known of a part, besides what it was made of.
    """

    def __init__(self, results: str, name: str, about: str) -> None:
        self._folder = Path(memory_of(results)) / name
        self._about = f"{about}\n{code_stamp('base', 'job', 'results', 'table')}\n".encode()
        self.before = self._read()

    def path(self, name: str) -> Path:
        """Where a file of before is."""
        return self._folder / name

    def forget(self) -> None:
        """Do as if nothing had been kept."""
        self.before = Parts()

    @contextmanager
    def old(self, names: Sequence[str], said: bytes) -> Iterator[dict[str, IO[bytes]] | None]:
        """The files as they were, if each is there and nothing has changed that decides all parts."""
        with ExitStack() as stack:
            if said != self.before.said:
                yield None
                return
            found: dict[str, IO[bytes]] = {}
            for name in names:
                try:
                    file = stack.enter_context(open(self._folder / name, "rb"))
                except OSError:
                    break
                if check_of(file) != self.before.checks.get(name):
                    break
                found[name] = file
            yield found if len(found) == len(names) else None

    def keep(self, parts: Parts, files: Mapping[str, str | Path]) -> None:
        """Keep what was made; where that cannot be, all is made again next time."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name, path in files.items():
                with written_whole(self._folder / name) as temporary:
                    os.link(path, temporary)
            about = (parts.said, parts.heads, parts.checks, parts.known, len(parts.keys))
            with written_whole(self._folder / "parts") as temporary, open(temporary, "wb") as file:
                file.write(_HEAD + self._about)
                check = 0
                contents: list[bytes | array[int]] = [marshal.dumps(about), parts.keys]
                for content in (*contents, *parts.lengths.values()):
                    file.write(content)
                    check = zlib.crc32(content, check)
                file.write(check.to_bytes(_CHECK, "little"))
        except OSError:
            return

    def _read(self) -> Parts:
        """What was kept, or nothing."""
        try:
            content = (self._folder / "parts").read_bytes()
            head = _HEAD + self._about
            body, check = memoryview(content)[len(head) : -_CHECK], content[-_CHECK:]
            if not content.startswith(head) or zlib.crc32(body) != int.from_bytes(check, "little"):
                return Parts()
            file = io.BytesIO(body)
            said, heads, checks, known, size = marshal.load(file)
            parts = Parts(file.read(size), known, said, heads, checks=checks)
            for name in heads:
                parts.lengths[name] = array("I", file.read(size // KEY * array("I").itemsize))
            return parts
        except (OSError, ValueError, EOFError, TypeError):
            return Parts()


def check_of(file: IO[bytes]) -> bytes:
    """The checksum of all of a file."""
    digest = hashlib.blake2b(digest_size=KEY)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.digest()


def write_parts(
    memory: Memory,
    parts: Parts,
    files: Mapping[str, tuple[str | Path, bytes]],
    make: Callable[[int], Mapping[str, bytes]],
    close: Callable[[], Mapping[str, bytes]] = dict,
) -> None:
    """Write files whose parts are known, and make those that are not.

    Parameters
    ----------
    memory
        What was there before.
    parts
        What is to be there; the lengths are filled in.
    files
        By name the path of each file, and what stands before its first part.
    make
        Gives the parts of a number, by file.
    close
        Gives what stands behind the last part, by file.
    """
    with ExitStack() as stack:
        old = stack.enter_context(memory.old(list(files), parts.said))
        new = {}
        for name, (path, head) in files.items():
            temporary = stack.enter_context(written_whole(path))
            new[name] = PartFile(stack.enter_context(open(temporary, "wb")))
            new[name].begin(head)
        numbers = memory.before.numbers() if old else {}
        starts = {name: memory.before.starts(name) for name in old or ()}
        for first, begin, count in runs(numbers, parts.keys):
            if first is not None and old:
                for name, file in new.items():
                    lengths = memory.before.lengths[name][first : first + count]
                    file.copy(old[name], starts[name][first], lengths)
                continue
            for number in range(begin, begin + count):
                made = make(number)
                for name, file in new.items():
                    file.put(made.get(name, b""))
        for name, content in close().items():
            new[name].add(content)
    parts.heads = {name: file.head for name, file in new.items()}
    parts.lengths = {name: file.lengths for name, file in new.items()}
    parts.checks = {name: file.check for name, file in new.items()}
    memory.keep(parts, {name: path for name, (path, _) in files.items()})
