"""Cutting bytes into lines, whatever pieces they come in."""

from __future__ import annotations

import itertools
import os
import threading

from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.server.wire import LineReader, write_all
from tests.guarantees import guarantees


def read_all(pieces: list[bytes], *, max_bytes: int = 1000) -> list[bytes | None]:
    """Send `pieces` through a pipe and return the lines that the reader makes of them."""
    outgoing, incoming = os.pipe()
    reader = LineReader(outgoing, max_bytes=max_bytes)
    lines: list[bytes | None] = []
    for piece in pieces:
        os.write(incoming, piece)
        if b"\n" in piece:
            lines += reader.read() or []
    os.close(incoming)
    while (more := reader.read()) is not None:
        lines += more
    os.close(outgoing)
    return lines


@guarantees("mcp.clean_wire")
@given(st.lists(st.binary(max_size=30), max_size=8), st.lists(st.integers(0, 200), max_size=6))
def test_lines_do_not_depend_on_where_the_pipe_cut_them(lines: list[bytes], cuts: list[int]) -> None:
    """A pipe gives bytes, not messages."""
    whole = b"\n".join(line.replace(b"\n", b" ") for line in lines)
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    pieces = [whole[start:end] for start, end in itertools.pairwise(places)]

    assert read_all(pieces) == (whole.removesuffix(b"\n").split(b"\n") if whole else [])


@guarantees("P9.bounded")
def test_line_above_the_limit_is_thrown_away_and_the_next_is_whole() -> None:
    """Nothing of it is kept, however long it is; its place is marked, so that it can be answered."""
    outgoing, incoming = os.pipe()
    reader = LineReader(outgoing, max_bytes=1000)
    feeder = threading.Thread(target=write_all, args=(incoming, b"a" * 5_000_000 + b"\nnext\n"))
    feeder.start()
    lines = [*(reader.read() or [])]
    while b"next" not in lines:
        lines += reader.read() or []
    feeder.join()
    os.close(incoming)

    assert lines == [None, b"next"]
    assert len(reader._partial) == 0
    assert reader.read() is None
    os.close(outgoing)


@guarantees("P9.bounded")
def test_unfinished_line_above_the_limit_is_marked_at_the_end() -> None:
    """A client that dies in a flood has still sent one message too large."""
    assert read_all([b"a" * 1500]) == [None]


@guarantees("P9.bounded")
def test_line_of_exactly_the_limit_is_read() -> None:
    """The limit is of the message; a carriage return before the line end is not part of it."""
    assert read_all([b"a" * 1000 + b"\r\n"]) == [b"a" * 1000 + b"\r"]
