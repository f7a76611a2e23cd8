"""Invariants of the two systems: books that balance, references that resolve, quantities that add up."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from erp_mcp.demo import verify_planning, verify_references
from erp_mcp.demo.verify_view import milli

_SHIFT_MINUTES: Final = 450

Check = Callable[[sqlite3.Connection], Iterator[str]]


def broken(erp_path: Path, mes_path: Path, clock: str) -> list[str]:
    """Return one sentence for every invariant that does not hold; the list is empty on a sound plant."""
    with closing(sqlite3.connect(f"file:{mes_path}?mode=ro", uri=True)) as both:
        both.execute("ATTACH DATABASE ? AS erp", (f"file:{erp_path}?mode=ro",))
        found = [sentence for check in _CHECKS for sentence in check(both)]
        found += verify_planning.broken(both, clock[:10])
        found += _nothing_from_the_future(both, clock)
        return found


def _stock_is_the_sum_of_movements(both: sqlite3.Connection) -> Iterator[str]:
    totals: dict[tuple[str, ...], int] = defaultdict(int)
    for *place, qty in both.execute(
        "SELECT mat_no, plant, sloc, lot_no, stk_type, qty FROM erp.mat_move ORDER BY posted_at, doc_no, item_no"
    ):
        totals[tuple(place)] += milli(qty)
        if totals[tuple(place)] < 0:
            yield f"stock of {'/'.join(place)} was negative"
    booked = {
        tuple(place): milli(qty)
        for *place, qty in both.execute("SELECT mat_no, plant, sloc, lot_no, stk_type, qty FROM erp.stock_qty")
    }
    for key in sorted(totals.keys() | booked.keys()):
        if totals.get(key, 0) != booked.get(key, 0):
            yield f"stock of {'/'.join(key)} is not the sum of its movements"


def _no_lot_is_promised_twice(both: sqlite3.Connection) -> Iterator[str]:
    free = {lot: milli(qty) for lot, qty in both.execute("SELECT lot_no, qty FROM erp.stock_qty WHERE stk_type = 'F'")}
    held: dict[str, int] = defaultdict(int)
    for lot, qty in both.execute("SELECT lot_no, qty FROM erp.resv"):
        held[lot] += milli(qty)
    for lot, qty in held.items():
        if qty > free.get(lot, 0):
            yield f"lot {lot} is reserved beyond its free stock"


def _receipts_add_up(both: sqlite3.Connection) -> Iterator[str]:
    received: dict[tuple[str, str], int] = defaultdict(int)
    for po, item, qty in both.execute("SELECT po_no, item_no, qty FROM erp.gr_item"):
        received[po, item] += milli(qty)
    for po, item, ordered, came, still, state in both.execute(
        "SELECT po_no, item_no, qty_ord, qty_recv, qty_open, stat FROM erp.po_item"
    ):
        if milli(came) != received.get((po, item), 0) or milli(came) > milli(ordered):
            yield f"receipts of purchase line {po}/{item} do not add up"
        if milli(still) != (milli(ordered) - milli(came) if state == "OPEN" else 0):
            yield f"open quantity of purchase line {po}/{item} is wrong"


def _shipments_add_up(both: sqlite3.Connection) -> Iterator[str]:
    shipped: dict[tuple[str, str], int] = defaultdict(int)
    for so, item, qty in both.execute("SELECT so_no, so_item, qty FROM erp.dlv_item WHERE gi_act IS NOT NULL"):
        shipped[so, item] += milli(qty)
    for so, item, ordered, sent, still, state in both.execute(
        "SELECT so_no, item_no, qty_ord, qty_dlv, qty_open, stat FROM erp.so_item"
    ):
        if milli(sent) != shipped.get((so, item), 0) or milli(sent) > milli(ordered):
            yield f"shipments of sales line {so}/{item} do not add up"
        if milli(still) != (milli(ordered) - milli(sent) if state == "OPEN" else 0):
            yield f"open quantity of sales line {so}/{item} is wrong"


def _orders_balance(both: sqlite3.Connection) -> Iterator[str]:
    issued: dict[tuple[str, str], int] = defaultdict(int)
    made: dict[str, int] = defaultdict(int)
    for code, order, item, qty in both.execute(
        "SELECT mv_code, ref_no, ref_item, qty FROM erp.mat_move WHERE mv_code IN ('261', '262', '131')"
    ):
        if code != "131":
            issued[order, item] -= milli(qty)
        else:
            made[order] += milli(qty)
    for order, item, taken, required, still in both.execute(
        "SELECT ord_no, item_no, qty_wd, qty_req, qty_open FROM erp.prod_comp"
    ):
        if milli(taken) != issued.get((order, item), 0) or milli(required) - milli(taken) != milli(still):
            yield f"component {order}/{item} does not balance"
    for order, yielded in both.execute("SELECT ord_no, qty_yield FROM erp.prod_head"):
        if milli(yielded) != made.get(order, 0):
            yield f"yield of order {order} is not what was put into stock"


def _genealogy_balances(both: sqlite3.Connection) -> Iterator[str]:
    traced: dict[tuple[str, str, str], int] = defaultdict(int)
    into: dict[str, set[str]] = defaultdict(set)
    for source, output, order, qty in both.execute("SELECT in_lot, out_lot, ord_no, qty FROM erp.lot_trace"):
        traced[order, source, output] += milli(qty)
        into[source].add(output)
    outputs = dict(both.execute("SELECT ref_no, lot_no FROM erp.mat_move WHERE mv_code = '131'").fetchall())
    issued: dict[tuple[str, str, str], int] = defaultdict(int)
    finished = "SELECT m.ref_no, m.lot_no, m.qty FROM erp.mat_move m JOIN erp.prod_head p ON p.ord_no = m.ref_no"
    for order, lot, qty in both.execute(f"{finished} WHERE m.mv_code = '261' AND p.stat IN ('CNF', 'TECO')"):
        issued[order, lot, outputs.get(order, "")] -= milli(qty)
    if traced != issued:
        yield f"genealogy differs from what was issued in {len(set(traced.items()) ^ set(issued.items()))} places"
    depth: dict[str, int] = {}
    for lot in list(into):
        if _depth(lot, into, depth) > len(into):
            yield f"genealogy of lot {lot} goes round in a circle"


def _depth(lot: str, into: dict[str, set[str]], known: dict[str, int]) -> int:
    if lot not in known:
        known[lot] = len(into) + 1  # seen again before it is known: a circle
        known[lot] = 1 + max((_depth(output, into, known) for output in into.get(lot, ())), default=0)
    return known[lot]


def _shifts_fit_the_stops(both: sqlite3.Connection) -> Iterator[str]:
    lost: dict[tuple[str, str, int], int] = defaultdict(int)
    still_down = dict(both.execute("SELECT eq_id, began_at FROM stop_event WHERE ended_at IS NULL").fetchall())
    stops = (
        "SELECT eq_id, began_at, (strftime('%s', ended_at) - strftime('%s', began_at)) / 60, planned FROM stop_event"
    )
    for machine, began, minutes, planned in both.execute(f"{stops} WHERE ended_at IS NOT NULL"):
        shift = both.execute(
            "SELECT shift_date || shift FROM shift_log WHERE eq_id = ? AND changed_at > ? ORDER BY changed_at LIMIT 1",
            (machine, began),
        ).fetchone()
        if shift is None:
            yield f"a stop of {machine} at {began} lies in no shift"
        else:
            lost[machine, shift[0], planned] += minutes
    for machine, shift, busy, actual, ideal, made, good, ended in both.execute(
        "SELECT eq_id, shift_date || shift, pbt_min, apt_min, ideal_sec, produced, good, changed_at FROM shift_log"
    ):
        dead = machine in still_down and ended > still_down[machine]
        worked = 0 if dead else busy - lost[machine, shift, 0]
        if busy != _SHIFT_MINUTES - lost[machine, shift, 1] or actual != worked:
            yield f"times of {machine} in shift {shift} differ from its stops"
        if not 0 <= good <= made or made * ideal > actual * 60:
            yield f"{machine} made more than it could in shift {shift}"


def _plan_and_promise_agree(both: sqlite3.Connection) -> Iterator[str]:
    statement = """
        SELECT s.so_no || '/' || s.item_no, s.conf_date > s.req_date, max(p.finish_sched) > s.req_date
          FROM erp.so_item s JOIN erp.prod_head p ON p.so_no = s.so_no AND p.so_item = s.item_no
         WHERE s.stat = 'OPEN' AND p.stat NOT IN ('CNF', 'TECO', 'DLFL') GROUP BY s.so_no, s.item_no
    """
    for line, promised_late, planned_late in both.execute(statement):
        if promised_late != planned_late:
            yield f"the plan and the promise of sales line {line} disagree about whether it is late"


def _nothing_from_the_future(both: sqlite3.Connection, clock: str) -> Iterator[str]:
    tables = both.execute("SELECT 'erp.' || name FROM erp.sqlite_master WHERE type = 'table'").fetchall()
    tables += both.execute("SELECT 'main.' || name FROM main.sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        schema, name = table.split(".")
        columns = {row[1] for row in both.execute(f"PRAGMA {schema}.table_info({name})")}
        if "changed_at" in columns:
            late = both.execute(f"SELECT count(*) FROM {table} WHERE changed_at > ?", (clock,)).fetchone()[0]
            if late:
                yield f"{late} rows of {table} were changed after the frozen instant"


_CHECKS: Final[tuple[Check, ...]] = (
    _stock_is_the_sum_of_movements, _no_lot_is_promised_twice, _receipts_add_up, _shipments_add_up, _orders_balance,
    _genealogy_balances, _shifts_fit_the_stops, _plan_and_promise_agree, verify_references.unresolved,
    verify_references.shared_identifiers,
)  # fmt: skip
