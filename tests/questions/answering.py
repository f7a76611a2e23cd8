"""How each question is answered from tools: what a careful agent would do, written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any, Final

from tests.questions.desk import Desk, RefusedError, Row, rows

Answer = list[tuple[Any, ...]]
Subject = dict[str, str]


async def late_lines(desk: Desk, subject: Subject) -> Answer:
    """1: all pages of the late lines."""
    found = await desk.table("list_sales_orders", "lines", late_only=True)
    return [(f"{row['sales_order_id']}/{row['line']}",) for row in found]


async def causes(desk: Desk, subject: Subject) -> Answer:
    """2: the briefing counts late lines by root cause."""
    answer = await desk.ask("get_plant_briefing")
    return [(row["root_cause_code"], row["lines"]) for row in rows(answer, "late_causes")]


async def _explained(desk: Desk, subject: Subject) -> tuple[str, dict[str, Row]]:
    answer = await desk.ask("explain_late_order", **subject)
    (summary,) = rows(answer, "summary")
    return summary["root_cause_code"], {row["node_type"]: row for row in rows(answer, "chain")}


async def late_purchase(desk: Desk, subject: Subject) -> Answer:
    """3: cause, production order, material, purchase line, both promises, since when the supplier knew."""
    code, chain = await _explained(desk, subject)
    purchase = chain["purchase_order_line"]
    names = (chain["production_order"]["node_id"], chain["material"]["node_id"], purchase["node_id"])
    return [(code, *names, purchase["planned_date"], purchase["expected_date"], chain["supplier"]["since"])]


async def held_lot(desk: Desk, subject: Subject) -> Answer:
    """4: cause, lot, notification."""
    code, chain = await _explained(desk, subject)
    return [(code, chain["lot"]["node_id"], chain["quality_notification"]["node_id"])]


async def broken_machine(desk: Desk, subject: Subject) -> Answer:
    """5: cause, work centre, repair order and its end."""
    code, chain = await _explained(desk, subject)
    repair = chain["maintenance_order"]
    return [(code, chain["work_center"]["node_id"], repair["node_id"], repair["expected_date"])]


async def wrong_stock(desk: Desk, subject: Subject) -> Answer:
    """6: cause, lot, what the ERP and what the shop floor counts."""
    code, chain = await _explained(desk, subject)
    return [(code, chain["lot"]["node_id"], chain["lot"]["qty"], chain["lot"]["qty_other"])]


async def late_child(desk: Desk, subject: Subject) -> Answer:
    """7: cause, child order (the last production order of the chain), its expected finish."""
    code, chain = await _explained(desk, subject)
    return [(code, chain["production_order"]["node_id"], chain["production_order"]["expected_date"])]


async def found_order(desk: Desk, subject: Subject) -> Answer:
    """9: one order has this reference; its lines say when it is expected."""
    found = rows(await desk.ask("find_order", reference=subject["reference"]), "orders")
    orders = sorted({row["sales_order_id"] for row in found})
    for order in orders:
        lines = rows(await desk.ask("get_sales_order", sales_order_id=order), "lines")
        assert lines, f"{order} has no lines"
        assert all(line["confirmed_date"] for line in lines), f"{order} has no dates"
    return [(order,) for order in orders]


async def ambiguous_order(desk: Desk, subject: Subject) -> Answer:
    """10: two customers use this reference: both are named, so that the agent can ask back."""
    found = rows(await desk.ask("find_order", reference=subject["reference"]), "orders")
    return [(row["sales_order_id"], row["customer_id"]) for row in found]


async def missing_parts(desk: Desk, subject: Subject) -> Answer:
    """11: material, quantity, next supply and its date."""
    answer = await desk.ask("get_shortages_for_order", **subject)
    columns = ("material_id", "qty_short", "next_supply_id", "next_supply_date")
    return [tuple(row[name] for name in columns) for row in rows(answer, "components")]


async def free_stock(desk: Desk, subject: Subject) -> Answer:
    """15: what is left of the unrestricted stock after all reservations."""
    found = await desk.table("get_stock", "stock", material_id=[subject["material_id"]])
    return [(row["qty_available"], row["uom"]) for row in found]


async def moved_promises(desk: Desk, subject: Subject) -> Answer:
    """17: all pages of the lines whose promise moved."""
    found = await desk.table("list_purchase_orders", "lines", promise_moved_only=True)
    return [(_line(row),) for row in found]


async def ignorable(desk: Desk, subject: Subject) -> Answer:
    """18: of the lines at risk those that hurt nobody, as far as their promise moved."""
    found = await desk.table("rank_expedite_candidates", "lines", impact="harmless")
    return [(_line(row),) for row in found if row["risk"] == "promise_moved"]


async def unconfirmed(desk: Desk, subject: Subject) -> Answer:
    """21: unconfirmed lines from today on for 14 days; today is the day of the answer's sources."""
    first = await desk.ask("list_purchase_orders", unconfirmed_only=True, limit=1)
    today = first["sources"][0]["as_of"][:10]
    window = {"promised_from": today, "promised_to": _later(today, 14)}
    found = await desk.table("list_purchase_orders", "lines", unconfirmed_only=True, **window)
    return [(_line(row),) for row in found]


async def long_jobs(desk: Desk, subject: Subject) -> Answer:
    """28: running jobs of at least 48 hours."""
    found = await desk.table("list_wip_jobs", "jobs", state=["Running"], min_age_h=48)
    return [(row["job_id"],) for row in found]


async def held_lots(desk: Desk, subject: Subject) -> Answer:
    """31: lots on hold with the production orders that wait for them."""
    held: set[str] = set()
    blocked: set[tuple[str, str]] = set()
    async for answer in desk.pages("list_hold_lots"):
        held |= {row["lot_id"] for row in rows(answer, "lots")}
        blocked |= {(row["lot_id"], row["production_order_id"]) for row in rows(answer, "blocked_orders")}
    return sorted(pair for pair in blocked if pair[0] in held)


async def unknown_order(desk: Desk, subject: Subject) -> Answer:
    """39: an order that is not there gives no rows as of a time, or a refusal, and never an invention."""
    try:
        answer = await desk.ask("get_sales_order", **subject)
    except RefusedError as error:
        if "not_found" not in error.code:
            raise
        return [("not_found",)]
    return [("not_found" if not rows(answer, "order") and answer["sources"][0]["as_of"] else "invented",)]


async def first_short(desk: Desk, subject: Subject) -> Answer:
    """first_short: the demands that are short, by day."""
    answer = await desk.ask("get_supply_demand", **subject)
    (site,) = rows(answer, "sites")
    elements = await desk.table("get_supply_demand", "elements", **subject)
    short = [row["date"] for row in elements if row["exception"] == "short"]
    assert short[0] == site["first_short_date"], "the two tables disagree"
    return [(row["date"], row["element_id"], row["qty_short"]) for row in elements if row["exception"] == "short"]


def _line(row: Row) -> str:
    return f"{row['purchase_order_id']}/{row['line']}"


def _later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


ANSWERS: Final[dict[str, Callable[[Desk, Subject], Awaitable[Answer]]]] = {
    "1": late_lines,
    "2": causes,
    "3": late_purchase,
    "4": held_lot,
    "5": broken_machine,
    "6": wrong_stock,
    "7": late_child,
    "9": found_order,
    "10": ambiguous_order,
    "11": missing_parts,
    "15": free_stock,
    "17": moved_promises,
    "18": ignorable,
    "21": unconfirmed,
    "28": long_jobs,
    "31": held_lots,
    "39": unknown_order,
    "first_short": first_short,
}
