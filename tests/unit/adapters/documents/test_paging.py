"""Walking by offset while others delete and insert: whatever is there all the time is given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.adapters._documents import Document
from erp_mcp.adapters._documents.paging import Fetched, OffsetWalk
from erp_mcp.errors import BadAnswerError
from tests.guarantees import guarantees

Moves = list[tuple[str, int]]


class Table:
    """Rows in order of their number; before each page but the first, some are taken out or put in."""

    def __init__(self, rows: int, moves: list[Moves], *, cap: int = 1000, tells: bool = False) -> None:
        self.rows = list(range(0, rows * 10, 10))
        self.moves = moves
        self.cap = cap
        self.tells = tells
        self.requests = 0

    async def fetch(self, offset: int, count: int) -> Fetched:
        if self.requests and self.requests <= len(self.moves):
            for how, number in self.moves[self.requests - 1]:
                self._move(how, number)
        self.requests += 1
        page = self.rows[offset : offset + min(count, self.cap)]
        documents = [{"n": f"{one:06}"} for one in page]
        return Fetched(documents=documents, more=offset + len(page) < len(self.rows) if self.tells else None)

    def _move(self, how: str, number: int) -> None:
        if how == "delete" and number in self.rows:
            self.rows.remove(number)
        if how == "insert" and number not in self.rows:
            self.rows = sorted([*self.rows, number])


def bad(field: str, reason: str) -> BadAnswerError:
    return BadAnswerError(field=field, reason=reason)


def identity(document: Document) -> str:
    return str(document["n"])


async def walked(table: Table, size: int, at: str = "", stop: Callable[[int], bool] = lambda _: False) -> list[str]:
    walk = OffsetWalk(fetch=table.fetch, identity=identity, bad=bad, size=size)
    names: list[str] = []
    async for batch in walk.batches(at):
        names.extend(identity(one) for one in batch.documents)
        if stop(len(names)):
            break
    return names


moves = st.lists(
    st.lists(st.tuples(st.sampled_from(["delete", "insert"]), st.integers(0, 400)), max_size=9), max_size=12
)


@guarantees("P9.no_change_lost")
@settings(max_examples=150, deadline=None)
@given(rows=st.integers(0, 40), size=st.integers(2, 9), cap=st.integers(2, 9), tells=st.booleans(), moved=moves)
async def test_gives_whatever_is_there_all_the_time(
    rows: int, size: int, cap: int, tells: bool, moved: list[Moves]
) -> None:
    """Deletions, insertions, pages smaller than asked, in any mix and at any time."""
    table = Table(rows, moved, cap=cap, tells=tells)
    gone = {number for some in moved for how, number in some if how == "delete"}
    given_names = await walked(table, size)
    steady = {f"{number:06}" for number in range(0, rows * 10, 10) if number not in gone}
    assert steady <= set(given_names)
    assert len(set(given_names)) >= len(steady)


@guarantees("P9.no_change_lost")
@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 40),
    size=st.integers(2, 9),
    cut=st.integers(1, 40),
    moved=st.lists(st.tuples(st.sampled_from(["delete", "insert"]), st.integers(0, 400)), max_size=9),
)
async def test_goes_on_from_where_a_killed_walk_stood(rows: int, size: int, cut: int, moved: Moves) -> None:
    """What was deleted or put in meanwhile shifts nothing out of sight."""
    table = Table(rows, [])
    walk = OffsetWalk(fetch=table.fetch, identity=identity, bad=bad, size=size)
    told: list[str] = []
    at = ""
    async for batch in walk.batches(""):
        told.extend(identity(one) for one in batch.documents)
        at = batch.resume
        if len(told) >= cut:
            break
    later = Table(0, [])
    later.rows = table.rows
    for how, number in moved:
        later._move(how, number)
    rest = await walked(later, size, at)
    gone = {number for how, number in moved if how == "delete"}
    steady = {f"{number:06}" for number in range(0, rows * 10, 10) if number not in gone}
    assert steady <= {*told, *rest}


@guarantees("P9.no_change_lost")
async def test_asks_one_row_more_of_each_page_and_no_page_twice() -> None:
    """The price of certainty over a quiet system."""
    table = Table(21, [], tells=True)
    assert len(await walked(table, 11)) == 21
    assert table.requests == 2


@guarantees("P9.bounded")
async def test_a_system_that_ignores_the_offset_is_found_out() -> None:
    """It would give its first page for ever."""

    async def fetch(_: int, count: int) -> Fetched:
        return Fetched(documents=[{"n": f"{one}"} for one in range(count)])

    walk = OffsetWalk(fetch=fetch, identity=identity, bad=bad, size=5)
    with pytest.raises(BadAnswerError) as caught:
        [batch async for batch in walk.batches("")]
    assert caught.value.facts["field"] == "offset"


@guarantees("P9.bounded", "P9.no_half_pass")
async def test_a_first_page_given_for_every_offset_is_no_whole_listing() -> None:
    """Though the system's own count says that the end is reached: three quarters of its rows were never given."""

    async def fetch(offset: int, count: int) -> Fetched:
        return Fetched(documents=[{"n": f"{one}"} for one in range(count)], more=offset + count < 40)

    walk = OffsetWalk(fetch=fetch, identity=identity, bad=bad, size=10)
    with pytest.raises(BadAnswerError) as caught:
        [batch async for batch in walk.batches("")]
    assert caught.value.facts["field"] == "offset"


@guarantees("P9.bounded", "P9.no_half_pass")
async def test_a_system_whose_rows_are_never_the_same_is_given_up() -> None:
    """It would be walked back and forth for ever."""
    fetched = 0

    async def fetch(_: int, count: int) -> Fetched:
        nonlocal fetched
        fetched += 1
        return Fetched(documents=[{"n": f"{fetched}-{one}"} for one in range(count)])

    walk = OffsetWalk(fetch=fetch, identity=identity, bad=bad, size=5)
    with pytest.raises(BadAnswerError):
        [batch async for batch in walk.batches("")]
    assert fetched < 100


@guarantees("P9.no_change_lost")
@pytest.mark.parametrize("at", ["x", "[]", "[1]", '["1","a"]', "[-5,1]", "[1e9,1]", '{"a":1}', '[99999999999,"a"]'])
async def test_an_unknown_position_is_the_beginning(at: str) -> None:
    """Nothing is skipped for a text that somebody else wrote."""
    assert len(await walked(Table(5, []), 3, at)) == 5
