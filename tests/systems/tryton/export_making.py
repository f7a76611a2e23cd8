"""Productions with what goes into them, what is reserved for them, and quality alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from tests.systems.tryton.export_base import Export, day
from tests.systems.tryton.export_buying import arrival
from tests.systems.tryton.rpc import Value

_MADE: Final = frozenset({"PCNF", "CNF", "TECO"})
_OVER: Final = frozenset({"CNF", "TECO"})
_RECEIPT, _ISSUE = "131", "261"  # kinds of movements


def export_recipes(export: Export) -> None:
    """Create one recipe for each material that is made, of what goes into it today; Tryton keeps no other days."""
    today = min(row["cap_date"] for row in export.plant.rows("wc_cap"))  # capacity is kept from today on
    parts: dict[str, list[dict[str, Value]]] = defaultdict(list)
    for row in export.plant.rows("bom_item"):
        if row["valid_from"] <= today:
            parts[row["mat_no"]].append(_part(export, row["comp_no"], row["uom"], row["qty_per"]))
    units = {row["mat_no"]: row["base_uom"] for row in export.plant.rows("mat_gen")}
    export.many(
        "production.bom",
        [
            {
                "name": f"Recipe {material}",
                "inputs": [["create", inputs]],
                "outputs": [["create", [_part(export, material, units[material], "1")]]],
            }
            for material, inputs in parts.items()
        ],
    )


def _part(export: Export, material: str, uom: str, quantity: str) -> dict[str, Value]:
    return {
        "product": export.products[material],
        "unit": export.units[material, uom],
        "quantity": float(quantity),
    }


def export_productions(export: Export) -> None:
    """Create the productions and what goes into them, number them, and make what was made.

    The number of the order that takes the output stands in `reference`.
    """
    rows = export.plant.rows("prod_head")
    ids = export.many("production", [_production(export, row) for row in rows])
    export.productions = {row["ord_no"]: one for row, one in zip(rows, ids, strict=True)}
    export.many("stock.move", [*_components(export), *_outputs(export)])
    export.numbered("Production", "production", "wait", export.productions)
    made = [one for row, one in zip(rows, ids, strict=True) if row["stat"] in _MADE]
    for button in ("assign_force", "run"):
        export.press("production", button, made, size=40)
    export.press("production", "do", [one for row, one in zip(rows, ids, strict=True) if row["stat"] in _OVER])


def _outputs(export: Export) -> list[dict[str, Value]]:
    """Return what comes out of finished productions: how much, which lot, and where it goes."""
    came = [row for row in export.plant.rows("mat_move") if row["mv_code"] == _RECEIPT]
    return [
        {
            "product": export.products[row["mat_no"]],
            "unit": export.units[row["mat_no"], row["uom"]],
            "quantity": float(row["qty"]),
            "lot": export.lots[row["lot_no"]][0],
            "from_location": export.place(row["plant"], "PROD"),
            "to_location": export.place(row["plant"], row["sloc"]),
            "company": export.company,
            "production_output": export.productions[row["ref_no"]],
            "unit_price": Decimal(0),
            "currency": export.currencies["EUR"],
        }
        for row in came
        if row["ref_no"] in export.productions
    ]


def export_reservations(export: Export) -> None:
    """Assign what is reserved; a production that nothing is reserved for and that is not released is a draft again."""
    reserved = {row["dem_no"] for row in export.plant.rows("resv") if row["dem_type"] == "PRD"}
    waiting = [row for row in export.plant.rows("prod_head") if row["stat"] not in _MADE]
    some = [row["ord_no"] for row in waiting if row["ord_no"] in reserved]
    export.press("production", "assign_try", [export.productions[one] for one in some], size=40)
    drafts = [row["ord_no"] for row in waiting if row["stat"] == "CRTD" and row["ord_no"] not in reserved]
    export.press("production", "draft", [export.productions[one] for one in drafts])


def _production(export: Export, row: dict[str, str]) -> dict[str, Value]:
    line = export.sale_lines.get((row["so_no"], row["so_item"]))
    return {
        "reference": row["parent_ord"] or None,
        "company": export.company,
        "warehouse": export.warehouses[row["plant"]],
        "location": export.place(row["plant"], "PROD"),
        "product": export.products[row["mat_no"]],
        "unit": export.units[row["mat_no"], row["uom"]],
        "quantity": float(row["qty_plan"]),
        "planned_start_date": day(row["start_basic"]),
        "planned_date": day(row["finish_basic"]),
        "effective_start_date": day(row["start_basic"]),
        "effective_date": day(row["finish_basic"]) if row["stat"] in _OVER else None,
        "origin": f"sale.line,{line}" if line else None,
    }


def _components(export: Export) -> list[dict[str, Value]]:
    heads = {row["ord_no"]: row for row in export.plant.rows("prod_head")}
    held = {(row["dem_no"], row["dem_item"]): row for row in export.plant.rows("resv") if row["dem_type"] == "PRD"}
    taken = {(row["ref_no"], row["ref_item"]): row for row in export.plant.rows("mat_move") if row["mv_code"] == _ISSUE}
    made: list[dict[str, Value]] = []
    for row in export.plant.rows("prod_comp"):
        head, key = heads[row["ord_no"]], (row["ord_no"], row["item_no"])
        if head["stat"] in _MADE:
            made.append(_used(export, row, head, taken[key]))
        else:
            made += _component(export, row, held.get(key))
    return made


def _component(export: Export, row: dict[str, str], held: dict[str, str] | None) -> Iterator[dict[str, Value]]:
    """Yield what goes in: what is reserved with its lot, the rest from where goods arrive, since it is not there."""
    move = _input(export, row)
    reserved = float(held["qty"]) if held else 0.0
    rest = float(row["qty_open"]) - reserved
    if held:
        lot, place = export.lots[held["lot_no"]]
        yield move | {"quantity": reserved, "lot": lot, "from_location": place}
    if rest:
        yield move | {"quantity": rest, "from_location": export.place(row["plant"], "IN")}


def _used(export: Export, row: dict[str, str], head: dict[str, str], taken: dict[str, str]) -> dict[str, Value]:
    """Return what went in, with its lot and from where."""
    return _input(export, row) | {
        "quantity": float(row["qty_wd"]),
        "lot": export.lots[taken["lot_no"]][0],
        "from_location": export.place(taken["plant"], taken["sloc"]),
        "effective_date": day(head["start_basic"]),
    }


def _input(export: Export, row: dict[str, str]) -> dict[str, Value]:
    return {
        "product": export.products[row["mat_no"]],
        "unit": export.units[row["mat_no"], row["uom"]],
        "to_location": export.place(row["plant"], "PROD"),
        "company": export.company,
        "production_input": export.productions[row["ord_no"]],
        "planned_date": day(row["need_date"]),
    }


def export_alerts(export: Export) -> None:
    """Create the quality notifications as alerts on inspections of goods that came in."""
    rows = export.plant.rows("qual_notif")
    codes = sorted({row["defect"] for row in rows})
    control = dict(zip(codes, (_control(export, code) for code in codes), strict=True))
    shipments = export.many("stock.shipment.in", [arrival(export, row["plant"]) for row in rows])
    inspections = export.many(
        "quality.inspection",
        [
            {"origin": f"stock.shipment.in,{one}", "control": control[row["defect"]], "company": export.company}
            for row, one in zip(rows, shipments, strict=True)
        ],
    )
    export.number_next("Quality Alert", rows[0]["qn_no"])
    ids = export.many(
        "quality.alert",
        [
            {
                "title": row["descr"],
                "origin": f"quality.inspection,{one}",
                "company": export.company,
            }
            for row, one in zip(rows, inspections, strict=True)
        ],
    )
    at_work = [one for row, one in zip(rows, ids, strict=True) if row["stat"] != "OSNO"]
    export.press("quality.alert", "process", at_work)
    export.press("quality.alert", "resolve", [one for row, one in zip(rows, ids, strict=True) if row["stat"] == "NOCO"])


def _control(export: Export, code: str) -> int:
    point = {"name": code.lower(), "string": code, "type_": "boolean"}
    return export.rpc.create(
        "quality.control", name=code, company=export.company, frequency=0.0, points=[["create", [point]]]
    )
