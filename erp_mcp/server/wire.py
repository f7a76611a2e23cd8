"""The two file descriptors of the protocol, taken away from everything else in the process.

Reading and writing block, so each lives in one thread of its own; no event loop touches a descriptor.
"""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple

from erp_mcp.domain.strict_json import MAX_BYTES

CHUNK_BYTES: Final = 65_536


class Wire(NamedTuple):
    """Private duplicates of standard input and output; nothing else in the process knows them."""

    incoming: int
    outgoing: int


def claim() -> Wire:
    """Take standard input and output for the protocol, for good.

    Descriptor 1 becomes standard error and descriptor 0 the null device, so neither a `print`, a library, nor a child
    process can write between two messages or eat one. They are not given back: what is still buffered at exit must not
    reach the wire either.

    Raises:
        OSError: the process was started without standard input or output.
    """
    os.fstat(0)
    os.fstat(1)
    null = _open_null_at_least_as_error()
    wire = Wire(os.dup(0), os.dup(1))
    if sys.platform == "win32":
        import msvcrt

        for descriptor in wire:
            msvcrt.setmode(descriptor, os.O_BINARY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return wire


def _open_null_at_least_as_error() -> int:
    """Return a descriptor of the null device above 2, having made it standard error where there was none.

    Otherwise the first descriptor opened would get the number 2, and everything said there would go onto the wire.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    return null


class LineReader:
    """Cuts a descriptor into lines without ever holding more than one line of the largest size."""

    def __init__(self, descriptor: int, *, max_bytes: int = MAX_BYTES) -> None:
        """Read from `descriptor`; a line above `max_bytes` is read to its end and thrown away."""
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._partial = bytearray()
        self._draining = False
        self._ended = False

    def read(self) -> list[bytes | None] | None:
        """Wait for at least one line and return all that have come; `None` at the end.

        A line above the limit stands as `None` in the list. A last line without its line end counts as a line.
        """
        while not self._ended:
            try:
                chunk = os.read(self._descriptor, CHUNK_BYTES)
            except OSError:  # the other side is gone in a way that is no plain end of file
                chunk = b""
            lines = self._cut(chunk) if chunk else self._end()
            if lines:
                return lines
        return None

    def _cut(self, chunk: bytes) -> list[bytes | None]:
        *complete, rest = chunk.split(b"\n")
        lines = [self._finish(piece) for piece in complete]
        self._add(rest)
        return lines

    def _finish(self, piece: bytes) -> bytes | None:
        self._add(piece)
        line = None if self._draining else bytes(self._partial)
        self._partial.clear()
        self._draining = False
        return line

    def _add(self, piece: bytes) -> None:
        if not self._draining and len(self._partial) + len(piece) > self._max_bytes + 1:  # one for a carriage return
            self._draining = True
            self._partial.clear()
        if not self._draining:
            self._partial += piece

    def _end(self) -> list[bytes | None]:
        self._ended = True
        return [self._finish(b"")] if self._partial or self._draining else []


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, however many writes that takes.

    Raises:
        OSError: nobody reads any more.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
