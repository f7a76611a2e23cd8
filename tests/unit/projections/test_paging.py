"""Pages continue at a value, so nothing that changes between them repeats or loses an unchanged row."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Column, Table, Tool
from erp_mcp.errors import BadCursorError
from erp_mcp.ports import Row, SqlValue
from erp_mcp.projections import reads
from erp_mcp.projections.paging import Page, Question, page_rows, seal, unseal
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import NOW, TODAY, SmallPlant, shipped, values_of

KEY = b"k" * 32
CATALOG = shipped()
TOOL = CATALOG.tools["list_sales_orders"]
PRINCIPAL = Principal(agent="planner", owner="demo-owner", role="planner")
ASKED = Question(tool=TOOL, principal=PRINCIPAL, arguments=values_of(TOOL))
DATES = [None, "2026-03-01", "2026-03-02", "2026-03-03"]

Change = tuple[str, int, int]  # what, which row, which date
CHANGES = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "move"]), st.integers(0, 19), st.integers(0, 3)), max_size=12
)


def _line(number: int) -> str:
    return f"{number:03d}"


def _plant(dates: list[int]) -> SmallPlant:
    plant = SmallPlant()
    for number, date in enumerate(dates):
        plant.add("purchase_order_line", **_fields(number, date))
    return plant


def _fields(number: int, date: int) -> dict[str, SqlValue]:
    return {
        "source_key": f"r{number}", "purchase_order_id": f"PO-{number % 3}", "line": _line(number), "site": "1000",
        "supplier_id": "S-1", "material_id": "RM-1", "qty_ordered": 1, "qty_received": 0, "qty_open": 1, "uom": "EA",
        "promised_date": DATES[date], "order_state": "open",
    }  # fmt: skip


def _page(plant: SmallPlant, tool: Tool, page: Page) -> tuple[list[Row], tuple[SqlValue, ...] | None]:
    got = asyncio.run(
        reads.run(
            plant, tool, values_of(tool), sites=("1000",), today=TODAY, now=NOW, deadline_s=5, page=page
        )
    )  # fmt: skip
    return got.rows["lines"], got.next_after


@guarantees("P7.stable_paging")
@settings(deadline=None, max_examples=40)
@given(dates=st.lists(st.integers(0, 3), min_size=1, max_size=20), changes=st.lists(CHANGES, max_size=8))
def test_changes_between_pages_repeat_and_lose_no_unchanged_row(dates: list[int], changes: list[list[Change]]) -> None:
    """Agents page while synchronisation writes; absent sort values must not lose rows either."""
    tool = CATALOG.tools["list_purchase_orders"]
    plant = _plant(dates)
    changed: set[str] = set()
    seen: list[str] = []
    after: tuple[SqlValue, ...] | None = None
    new = len(dates)
    todo = iter(changes)
    while True:
        rows, after = _page(plant, tool, Page(limit=3, after=after))
        assert len(rows) <= 3
        seen += [str(row[1]) for row in rows]
        if after is None:
            break
        for what, which, date in next(todo, []):
            new, touched = _apply(plant, what, (which, date, new))
            changed |= touched
    unchanged = {_line(number) for number in range(len(dates))} - changed
    assert [line for line in seen if line in unchanged] == list(dict.fromkeys(one for one in seen if one in unchanged))
    assert unchanged <= set(seen)


def _apply(plant: SmallPlant, what: str, one: tuple[int, int, int]) -> tuple[int, set[str]]:
    which, date, new = one
    if what == "insert":
        plant.add("purchase_order_line", **_fields(new, date))
        return new + 1, {_line(new)}
    if what == "delete":
        plant.change("DELETE FROM purchase_order_line WHERE source_key = ?", f"r{which}")
    else:
        plant.change("UPDATE purchase_order_line SET promised_date = ? WHERE source_key = ?", DATES[date], f"r{which}")
    return new, {_line(which)}


@dataclass(frozen=True)
class _Sorted:
    table: Table
    falling: bool


TABLE = Table(
    name="lines",
    columns=(Column(name="days", kind="integer"), Column(name="id", kind="id")),
    paged=True,
    order_by=("-days", "id"),
)


@guarantees("P7.stable_paging")
@given(
    days=st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=20),
    extra=st.lists(st.integers(-3, 3), max_size=5),
    limit=st.integers(1, 4),
)
def test_pages_of_an_analysis_mean_the_same_as_pages_of_a_query(
    days: list[int | None], extra: list[int], limit: int
) -> None:
    """An analysis finds its rows anew for each page, so the same rule must hold over them."""
    rows: list[tuple[int | None, str]] = [(day, f"r{number:03d}") for number, day in enumerate(days)]
    seen: list[tuple[object, ...]] = []
    page = Page(limit=limit)
    while True:
        kept, after = page_rows(TABLE, rows, page)
        seen += kept
        if after is None:
            break
        rows = rows + [(day, f"x{len(rows)}-{number}") for number, day in enumerate(extra)]
        extra = []
        page = replace(page, after=after)
    unchanged = [row for row in seen if str(row[1]).startswith("r")]
    assert sorted(str(row[1]) for row in unchanged) == [f"r{number:03d}" for number in range(len(days))]
    if not any(str(row[1]).startswith("x") for row in seen):
        ranks = [(row[0] is None, -row[0] if isinstance(row[0], int) else 0, str(row[1])) for row in seen]
        texts_first = [rank for rank in ranks if rank[0]] + [rank for rank in ranks if not rank[0]]
        assert ranks in (sorted(ranks), texts_first)


@guarantees("P7.stable_paging")
def test_a_cursor_gives_back_the_place_it_was_sealed_at() -> None:
    """Numbers, texts and absent values all come back as they were."""
    place = ("2026-03-01", "0010000123", 10, "")
    assert unseal(KEY, ASKED, seal(KEY, ASKED, place)) == place
    assert unseal(KEY, ASKED, "") is None


@guarantees("P1.scope", "input.clear_errors")
@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, principal=replace(PRINCIPAL, agent="buyer")),
        replace(ASKED, principal=replace(PRINCIPAL, role="buyer")),
        replace(ASKED, arguments=values_of(TOOL, late_only=True)),
        replace(ASKED, tool=replace(TOOL, version=TOOL.version + 1)),
        replace(ASKED, tool=replace(TOOL, hash="0" * 64)),
        replace(ASKED, tool=CATALOG.tools["list_purchase_orders"]),
    ],
    ids=["agent", "role", "argument", "version", "definition", "tool"],
)
def test_a_cursor_of_another_question_is_refused(other: Question) -> None:
    """Else a cursor would carry one role's place into another role's rows."""
    with pytest.raises(BadCursorError):
        unseal(KEY, other, seal(KEY, ASKED, ("2026-03-01", "1", "10")))


@guarantees("input.clear_errors")
def test_a_forged_or_damaged_cursor_is_refused() -> None:
    """A cursor is bound to the deployment's key; nobody else can make one."""
    cursor = seal(KEY, ASKED, ("2026-03-01", "1", "10"))
    body = base64.urlsafe_b64encode(b"\0" * 16 + b'["2026","1","10"]').decode().rstrip("=")
    for forged in (
        seal(b"x" * 32, ASKED, ("2026-03-01", "1", "10")),
        body,
        cursor[:-2],
        cursor + "AAAA",
        "AA",
        "A",
        "*",
    ):
        with pytest.raises(BadCursorError):
            unseal(KEY, ASKED, forged)
