"""How the further questions are answered: purchasing, floor, quality, maintenance, finance, and what is not told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from tests.questions.answering import ANSWERS, Answer, Subject
from tests.questions.desk import Desk, RefusedError, rows

UNKNOWN_ORDER: Final = "0010009999"
_PERSONAL: Final = ("operator", "badge", "employee", "person", "created_by", "email", "phone")


async def expected_lines(desk: Desk, subject: Subject) -> Answer:
    """9.timeline: find the order, then where each of its lines stands."""
    found = rows(await desk.ask("find_order", reference=subject["reference"]), "orders")
    (order,) = {row["sales_order_id"] for row in found}
    lines = rows(await desk.ask("get_order_status_timeline", sales_order_id=order), "summary")
    assert all(line["last_milestone"] and line["next_milestone"] for line in lines), "a line stands nowhere"
    return [(order, line["line"], line["confirmed_date"]) for line in lines]


async def reallocation(desk: Desk, subject: Subject) -> Answer:
    """13: what if the stock were given to the other order."""
    change = f"{subject['from_order']}/{subject['to_order']}/{subject['qty']}"
    found = await desk.table("simulate_atp", "orders", material_id=subject["material_id"], reassign=[change])
    late = [row for row in found if row["effect"] == "made_late"]
    return [(f"{row['sales_order_id']}/{row['sales_order_line']}", row["delta_days"]) for row in late]


async def busiest_centers(desk: Desk, subject: Subject) -> Answer:
    """16: waiting operations of two weeks, most first."""
    found = rows(await desk.ask("get_capacity_load", weeks=2), "work_centers")
    found.sort(key=lambda row: -row["operations_waiting"])
    return [(row["work_center_id"], row["operations_waiting"]) for row in found[:5]]


async def worst_suppliers(desk: Desk, subject: Subject) -> Answer:
    """20: the scorecard's order, with the definition that it names."""
    answer = await desk.ask("get_supplier_scorecard", window_days=180, min_receipts=10, top_n=3)
    assert answer["definition_id"], "no definition is named"
    return [(row["supplier_id"], row["otd_pct"]) for row in rows(answer, "suppliers")]


async def cheapest_source(desk: Desk, subject: Subject) -> Answer:
    """22: of the usable ones the one with the lowest price of a unit."""
    found = await desk.table("list_supply_sources", "sources", usable_only=True, material_id=subject["material_id"])
    best = min(found, key=lambda row: Decimal(row["price"]) / row["price_unit"])
    return [(best["supplier_id"], best["price"], best["currency"])]


async def waiting_requisitions(desk: Desk, subject: Subject) -> Answer:
    """23: longer than 14 days are 15 full ones."""
    asked = {"release_state": "waiting", "age_min_days": 15}
    found = await desk.table("list_purchase_requisitions", "requisitions", **asked)
    return [(row["requisition_id"],) for row in found]


async def effectiveness(desk: Desk, subject: Subject) -> Answer:
    """25: the totals of the default window, with the definition that they name."""
    answer = await desk.ask("get_oee", work_center_id=["ASM-01"])
    assert answer["definition_id"], "no definition is named"
    (total,) = rows(answer, "totals")
    return [tuple(total[f"{name}_pct"] for name in ("oee", "availability", "effectiveness", "quality"))]


async def costly_reasons(desk: Desk, subject: Subject) -> Answer:
    """26: the first two rows of the Pareto of the default window."""
    found = rows(await desk.ask("get_downtime_pareto", work_center_id=["CNC-02"]), "reasons")
    return [(row["reason_code"], row["minutes"]) for row in found[:2]]


async def down_now(desk: Desk, subject: Subject) -> Answer:
    """27: what the ERP says is down, and that the shop floor's own word is too old to be repeated."""
    answer = await desk.ask("list_maintenance_orders", down_only=True)
    too_old = any(gap["entity"] == "machine_state" and gap["reason"] == "too_old" for gap in answer.get("gaps", ()))
    word = "stale" if too_old and not rows(answer, "machines") else "told"
    return [(row["work_center_id"], word) for row in rows(answer, "orders")]


async def repair_time(desk: Desk, subject: Subject) -> Answer:
    """29: the mean over the last 90 days, up to the day of the answer's sources."""
    first = await desk.ask("get_downtime_pareto", work_center_id=["ASM-02"])
    today = date.fromisoformat(first["sources"][0]["as_of"][:10])
    start = (today - timedelta(days=90)).isoformat()
    (total,) = rows(await desk.ask("get_downtime_pareto", work_center_id=["ASM-02"], date_from=start), "total")
    return [(total["mttr_min"], total["unplanned_events"])]


async def receivers(desk: Desk, subject: Subject) -> Answer:
    """32: customers of all lots that came of it; a trace that was cut would say so."""
    answer = await desk.ask("trace_lot", lot_id=subject["lot_id"], direction="down")
    (summary,) = rows(answer, "summary")
    assert not summary["truncated"], "the trace was cut"
    return [(row["customer_id"],) for row in rows(answer, "customers_reached")]


async def overdue_inspections(desk: Desk, subject: Subject) -> Answer:
    """34: all pages of the overdue ones."""
    found = await desk.table("list_inspection_lots", "inspection_lots", overdue_only=True)
    return [(row["inspection_lot_id"],) for row in found]


async def overdue_maintenance(desk: Desk, subject: Subject) -> Answer:
    """35: all pages of the overdue ones; what the shop floor says of machines is not asked here."""
    answer = await desk.ask("list_maintenance_orders", order_type=["preventive"], overdue_only=True)
    assert "next_cursor" not in answer, "there are more"
    return [(row["maintenance_order_id"],) for row in rows(answer, "orders")]


async def _invoice_totals(desk: Desk) -> list[dict[str, Any]]:
    return rows(await desk.ask("list_match_exceptions"), "totals")


async def parked_invoices(desk: Desk, subject: Subject) -> Answer:
    """37: the totals by kind, currencies together: invoices are counted, not money."""
    counts: dict[str, int] = {}
    for row in await _invoice_totals(desk):
        counts[row["kind"]] = counts.get(row["kind"], 0) + row["invoices"]
    return list(counts.items())


async def price_variance(desk: Desk, subject: Subject) -> Answer:
    """37.variance: the totals of price exceptions, one per currency."""
    found = [row for row in await _invoice_totals(desk) if row["kind"] == "price"]
    return [(row["currency"], row["variance_amount"]) for row in found]


async def hidden_order(desk: Desk, subject: Subject) -> Answer:
    """39.site: the answer is, word for word, the one about an order that nobody has."""
    told = [await desk.ask("get_sales_order", sales_order_id=one) for one in (subject["sales_order_id"], UNKNOWN_ORDER)]
    alike = all(told[0].get(part) == told[1].get(part) for part in ("tables", "warnings", "gaps", "complete"))
    nothing = not any(table["rows"] for table in told[0]["tables"].values())
    return [("as_unknown" if alike and nothing and told[0]["sources"][0]["as_of"] else "told_apart",)]


async def operator_of_job(desk: Desk, subject: Subject) -> Answer:
    """40: no column holds a person, and asking for one is refused as what it is."""
    found = await desk.table("list_wip_jobs", "jobs", state=["Running"])
    (job,) = [row for row in found if row["job_id"] == subject["job_id"]]
    assert job["work_center_id"], "what can be offered instead: the work centre"
    shown = [name for name in job if any(word in name for word in _PERSONAL)]
    refused = [
        await _refusal(desk, "list_wip_jobs", operator=True),
        await _refusal(desk, "list_wip_jobs", operator_badge="B-1"),
        await _refusal(desk, "get_production_order", production_order_id=job["production_order_id"], confirmed_by="x"),
        await _refusal(desk, "get_operator", job_id=job["job_id"]),
    ]
    wanted = ["policy.personal_data"] * 4
    return [("not_exposed" if not shown and refused == wanted else f"{shown} {refused}",)]


async def _refusal(desk: Desk, tool: str, **arguments: object) -> str:
    try:
        await desk.ask(tool, **arguments)
    except RefusedError as error:
        return error.code
    return "answered"


EVERY_ANSWER: Final[dict[str, Callable[[Desk, Subject], Awaitable[Answer]]]] = {
    **ANSWERS,
    "9.timeline": expected_lines,
    "13": reallocation,
    "16": busiest_centers,
    "20": worst_suppliers,
    "22": cheapest_source,
    "23": waiting_requisitions,
    "25": effectiveness,
    "26": costly_reasons,
    "27": down_now,
    "29": repair_time,
    "32": receivers,
    "34": overdue_inspections,
    "35": overdue_maintenance,
    "37": parked_invoices,
    "37.variance": price_variance,
    "39.site": hidden_order,
    "40": operator_of_job,
}
