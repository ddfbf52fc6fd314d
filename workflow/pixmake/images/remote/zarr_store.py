"""A Zarr at a URI as a store of zarr's: it reads the pieces that are asked for, and asks again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore

from pixmake.images.remote.objects import ask, asynchronous_filesystem, version_of


def store(uri: str) -> RemoteStore:
    """A Zarr store, to read from.

    Raises
    ------
    RemoteError
        The URI cannot be used.
    """
    filesystem = asynchronous_filesystem(uri)
    return RemoteStore(filesystem, filesystem._strip_protocol(uri).rstrip("/"), uri.rstrip("/"))


class RemoteStore(FsspecStore):
    """A store to read from; what is not there is not there, and all else that fails is an error."""

    supports_writes = False
    supports_deletes = False

    def __init__(self, filesystem: Any, path: str, uri: str) -> None:
        super().__init__(filesystem, read_only=True, path=path)
        self.uri = uri

    def __repr__(self) -> str:
        return f"<RemoteStore({self.uri})>"

    def with_read_only(self, read_only: bool = True) -> RemoteStore:
        """The same store; it can be read only."""
        return type(self)(self.fs, self.path, self.uri)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The content of an object, or a range of it; None if it is not there."""
        read = super().get
        return await ask(f"{self.uri}/{key}", lambda: read(key, prototype, byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Ranges of several objects."""
        read, wanted = super().get_partial_values, list(key_ranges)
        return await ask(self.uri, lambda: read(prototype, wanted))

    async def exists(self, key: str) -> bool:
        """Whether an object is there."""
        uri = f"{self.uri}/{key}"
        return await ask(uri, lambda: version_of(self.fs, uri)) is not None

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """What is in a folder."""
        inside = super().list_dir

        async def all_of_it() -> list[str]:
            return [name async for name in inside(prefix)]

        for name in await ask(f"{self.uri}/{prefix}", all_of_it):
            yield name
