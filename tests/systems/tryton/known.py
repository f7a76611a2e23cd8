"""The demo plant as far as a Tryton can know it: what the same questions must have the same answers from.

Two steps, each a list that `docs/tryton.md` gives the reasons for: the plant's ERP with every value that Tryton keeps
another way put as Tryton keeps it (`CHANGES`), and the demo's profile without the entities and fields that the shipped
Tryton profile does not map.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from erp_mcp.domain.select_text import select_columns
from tests.systems.tryton import known_books, known_moves
from tests.systems.tryton.rpc import Result, Rpc, Value

NAME: Final = "demo-erp-known"
_SYSTEMS: Final = Path(__file__).resolve().parents[3] / "erp_mcp" / "systems"
_ALWAYS: Final = ("source_key", "version_token", "changed_at")

# Place in the records → how a value that Tryton keeps another way is put there.
CHANGES: Final[Mapping[str, tuple[str, ...]]] = {
    "*.company_code": (
        "UPDATE so_head SET company = '1000'",
        "UPDATE po_item SET company = '1000'",
    ),
    "sales_order_line.confirmed_date": (
        (
            "UPDATE so_item SET conf_date = (SELECT MAX(d.gi_act) FROM dlv_item d WHERE d.so_no = so_item.so_no "
            "AND d.so_item = so_item.item_no) WHERE stat = 'CLSD'"
        ),
    ),
    "delivery.planned_goods_issue": (
        (
            "UPDATE dlv_item SET gi_plan = (SELECT i.conf_date FROM so_item i WHERE i.so_no = dlv_item.so_no "
            "AND i.item_no = dlv_item.so_item) WHERE gi_act IS NULL"
        ),
    ),
    "delivery.lot_id": ("UPDATE dlv_item SET lot_no = '' WHERE gi_act IS NULL AND pick_stat <> 'C'",),
    "delivery.delivered": ("UPDATE dlv_item SET pod = 1 WHERE gi_act IS NOT NULL",),
    "sales_order.order_state": ("UPDATE so_head SET stat = 'OPEN' WHERE stat = 'CLSD'",),
    "sales_order_line.order_state": ("UPDATE so_item SET stat = 'OPEN' WHERE stat = 'CLSD'",),
    "purchase_order_line.order_state": ("UPDATE po_item SET stat = 'OPEN' WHERE stat = 'CLSD'",),
    "purchase_order_line.price, purchase_order_line.price_unit": (
        "UPDATE po_item SET price = PRINTF('%.4f', price / 100.0), price_per = 1 WHERE price_per = 100",
    ),
    "supplier_invoice.price, supplier_invoice.price_unit": (
        "UPDATE vend_inv SET price = PRINTF('%.4f', price / 100.0), price_per = 1 WHERE price_per = 100",
    ),
    "material_site.standard_price, material_site.price_unit": (
        "UPDATE mat_plant SET std_price = PRINTF('%.4f', std_price / 100.0), price_per = 1 WHERE price_per = 100",
    ),
    "purchase_order_line.note": (
        "UPDATE po_item SET memo = (SELECT MIN(o.memo) FROM po_item o WHERE o.po_no = po_item.po_no)",
    ),
    "purchase_requisition.order_state": ("UPDATE pr_item SET stat = 'OPEN' WHERE stat = 'CONV'",),
    "material_site.more rows": (
        (
            "INSERT INTO mat_plant SELECT mat_no, other, '0.000', proc_type, lead_days, planner, max_qty, std_price, "
            "price_per, curr, changed_at FROM mat_plant, "
            "(SELECT DISTINCT plant AS other FROM mat_plant) WHERE NOT EXISTS (SELECT 1 FROM mat_plant m "
            "WHERE m.mat_no = mat_plant.mat_no AND m.plant = other)"
        ),
    ),
    "material_site.lead_time_days": (
        (
            "UPDATE mat_plant SET lead_days = (SELECT s.lead_days FROM source_list s WHERE s.mat_no = mat_plant.mat_no "
            "ORDER BY s.prio LIMIT 1) WHERE proc_type = 'F'"
        ),
    ),
    "supply_source.more rows": (
        (
            "INSERT INTO source_list SELECT s.mat_no, s.vendor_no, other, s.prio, s.price, s.price_per, s.curr, s.uom, "
            "s.min_qty, s.lead_days, s.valid_to, s.blocked, s.changed_at FROM source_list s, "
            "(SELECT DISTINCT plant AS other FROM mat_plant) WHERE NOT EXISTS (SELECT 1 FROM source_list m "
            "WHERE m.mat_no = s.mat_no AND m.vendor_no = s.vendor_no AND m.plant = other)"
        ),
    ),
    "unit_conversion.more rows": (
        (
            "INSERT INTO mat_unit SELECT mat_no, base_uom, base_uom, 1, 1, changed_at FROM mat_gen "
            "WHERE mat_type = 'ROH' "
            "AND mat_no NOT IN (SELECT mat_no FROM mat_unit)"
        ),
    ),
    "stock.storage_location_id": (
        "UPDATE stock_qty SET sloc = CASE stk_type WHEN 'Q' THEN 'QUA' ELSE 'BLK' END WHERE stk_type IN ('Q', 'S')",
    ),
    "stock.stock_type": (
        "CREATE TEMP TABLE picked AS SELECT lot_no FROM dlv_item WHERE gi_act IS NULL AND pick_stat = 'C'",
        "UPDATE stock_qty SET sloc = 'OUT', stk_type = 'T' WHERE lot_no IN (SELECT lot_no FROM picked)",
    ),
    "reservation.missing rows": ("DELETE FROM resv WHERE dem_type = 'SLS' AND lot_no IN (SELECT lot_no FROM picked)",),
    "production_order.request_state": (
        "UPDATE prod_head SET stat = 'CNF' WHERE stat = 'TECO'",
        "UPDATE prod_head SET stat = 'REL' WHERE stat = 'CRTD' AND ord_no IN (SELECT dem_no FROM resv)",
        (
            "UPDATE prod_head SET stat = 'RELM' WHERE stat = 'REL' AND EXISTS (SELECT 1 FROM prod_comp c "
            "WHERE c.ord_no = prod_head.ord_no) AND NOT EXISTS (SELECT 1 FROM prod_comp c LEFT JOIN resv r "
            "ON r.dem_no = c.ord_no AND r.dem_item = c.item_no WHERE c.ord_no = prod_head.ord_no "
            "AND COALESCE(r.qty, '0.000') <> c.qty_open)"
        ),
    ),
    "bom_item.missing rows": ("DELETE FROM bom_item WHERE valid_from > (SELECT max(run_at) FROM mrp_msg)",),
    "quality_notification.notification_type": ("UPDATE qual_notif SET qn_type = 'alert'",),
}

CREATED: Final = ("purchase_requisition.created_at", "quality_notification.opened_at")
"""Times that Tryton gives itself; `known_plant` takes them over."""


def known_plant(plant: Path, into: Path, rpc: Rpc) -> Path:
    """Copy a plant and put its ERP as Tryton keeps it, with Tryton's own numbers where it has no others.

    Args:
        plant: The plant that was exported.
        into: The new directory.
        rpc: A session that may read, for the numbers of records.
    """
    shutil.copytree(plant, into, dirs_exist_ok=True)
    with closing(sqlite3.connect(into / "erp.sqlite")) as erp, erp:
        for statements in CHANGES.values():
            for statement in statements:
                erp.execute(statement)
        _number_requisitions(erp, rpc)
        _date_alerts(erp, rpc)
        _number_deliveries(erp, rpc)
        _number_components(erp, rpc)
        _number_receipts(erp, rpc)
        _number_recipes(erp, rpc)
        known_books.number_returns(erp, rpc)
        known_books.number_invoices(erp, rpc)
        known_moves.retell(erp, rpc)
    return into


def _number_requisitions(erp: sqlite3.Connection, rpc: Rpc) -> None:
    found = rpc.find("purchase.requisition.line", [], ["requisition.number", "create_date"])
    numbers = [(str(row["id"]), _instant(row["create_date"]), row["requisition."]["number"]) for row in found]
    erp.executemany("UPDATE pr_item SET item_no = ?, created_at = ? WHERE pr_no = ?", numbers)


def _date_alerts(erp: sqlite3.Connection, rpc: Rpc) -> None:
    found = rpc.find("quality.alert", [], ["number", "create_date"])
    opened = [(_instant(row["create_date"]), row["number"]) for row in found]
    erp.executemany("UPDATE qual_notif SET opened_at = ? WHERE qn_no = ?", opened)


def _instant(found: Result) -> str:
    day = "-".join(f"{found[name]:02d}" for name in ("year", "month", "day"))
    return f"{day}T{':'.join(f'{found[name]:02d}' for name in ('hour', 'minute', 'second'))}Z"


def _number_deliveries(erp: sqlite3.Connection, rpc: Rpc) -> None:
    """Number deliveries and what is reserved for them; a shipment that only reserves is a delivery as well."""
    shipped = rpc.find("stock.shipment.out", [["number", "!=", None]], ["number", "outgoing_moves"])
    inside = {move: row["number"] for row in shipped for move in row["outgoing_moves"]}
    names = ["origin.sale.number", "origin.sequence"]
    outgoing = rpc.find("stock.move", [["id", "in", list(inside)], ["quantity", ">", 0]], names)
    line = {row["id"]: (row["origin."]["sale."]["number"], f"{row['origin.']['sequence']:06d}") for row in outgoing}
    number = {move: inside[move] for move in line}
    known = {row[0] for row in erp.execute("SELECT dlv_no FROM dlv_item")}
    erp.executemany("UPDATE dlv_item SET item_no = ? WHERE dlv_no = ?", [(str(one), no) for one, no in number.items()])
    for move, delivery in number.items():
        if delivery not in known:
            erp.execute(
                "INSERT INTO dlv_item SELECT ?, ?, plant, so_no, item_no, mat_no, qty_open, uom, conf_date, NULL, 'A', "
                "NULL, '', '', 0, NULL, '', changed_at FROM so_item WHERE so_no = ? AND item_no = ?",
                (delivery, str(move), *line[move]),
            )
    held = rpc.find("stock.move", [["state", "=", "assigned"], ["origin", "like", "stock.move,%"]], ["origin"])
    for row in held:
        order = line[int(row["origin"].partition(",")[2])]
        erp.execute(
            "UPDATE resv SET resv_no = ?, need_date = (SELECT conf_date FROM so_item WHERE so_no = dem_no "
            "AND item_no = dem_item) WHERE dem_type = 'SLS' AND dem_no = ? AND dem_item = ?",
            (str(row["id"]), *order),
        )


def _number_receipts(erp: sqlite3.Connection, rpc: Rpc) -> None:
    """Number receipts as the moves that brought them, which were made in the same order."""
    came: list[Value] = [["origin", "like", "purchase.line,%"], ["state", "=", "done"]]
    moves: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rpc.find("stock.move", came, ["origin.purchase.number", "origin.sequence"]):
        moves[row["origin."]["purchase."]["number"], f"{row['origin.']['sequence']:05d}"].append(row["id"])
    for line in erp.execute("SELECT po_no, item_no, seq FROM gr_item ORDER BY 1, 2, 3").fetchall():
        number = moves[line[0], line[1]].pop(0)  # below zero first: a number may be that of another receipt of the line
        erp.execute("UPDATE gr_item SET seq = ? WHERE po_no = ? AND item_no = ? AND seq = ?", (-number, *line))
    erp.execute("UPDATE gr_item SET seq = -seq")


def _number_recipes(erp: sqlite3.Connection, rpc: Rpc) -> None:
    """Number the lines of recipes as Tryton does."""
    made = {
        row["bom"]: row["product."]["code"] for row in rpc.find("production.bom.output", [], ["bom", "product.code"])
    }
    found = rpc.find("production.bom.input", [], ["bom", "product.code"])
    numbers = [(str(row["id"]), made[row["bom"]], row["product."]["code"]) for row in found]
    erp.executemany("UPDATE bom_item SET item_no = ? WHERE mat_no = ? AND comp_no = ?", numbers)


def _number_components(erp: sqlite3.Connection, rpc: Rpc) -> None:
    """Number components and what is reserved for them; what is reserved in part is two moves."""
    moves: dict[tuple[str, str], list[Result]] = defaultdict(list)
    names = ["production_input.number", "product.code", "state"]
    for row in rpc.find("stock.move", [["production_input", "!=", None]], names):
        moves[row["production_input."]["number"], row["product."]["code"]].append(row)
    for (order, material), found in moves.items():
        assigned = [str(row["id"]) for row in found if row["state"] == "assigned"]
        others = [str(row["id"]) for row in found if row["state"] != "assigned"]
        at = (order, material)
        if assigned and others:
            _split(erp, at, assigned[0], others[0])
        erp.execute(
            "UPDATE prod_comp SET item_no = ? WHERE ord_no = ? AND mat_no = ? AND item_no <> ?",
            ((assigned or others)[0], *at, others[0] if others else ""),
        )
        if assigned:
            erp.execute(
                "UPDATE resv SET resv_no = ?, dem_item = ? WHERE dem_type = 'PRD' AND dem_no = ? AND mat_no = ?",
                (assigned[0], assigned[0], *at),
            )


def _split(erp: sqlite3.Connection, at: tuple[str, str], assigned: str, rest: str) -> None:
    erp.execute(
        "INSERT INTO prod_comp SELECT c.ord_no, ?, c.plant, c.mat_no, PRINTF('%.3f', c.qty_open - r.qty), c.qty_wd, "
        "PRINTF('%.3f', c.qty_open - r.qty), c.uom, c.need_date, c.supply_ord, c.changed_at FROM prod_comp c "
        "JOIN resv r ON r.dem_no = c.ord_no AND r.dem_item = c.item_no WHERE c.ord_no = ? AND c.mat_no = ?",
        (rest, *at),
    )
    erp.execute(
        "UPDATE prod_comp SET (qty_req, qty_open) = (SELECT r.qty, r.qty FROM resv r WHERE r.dem_no = ord_no "
        "AND r.dem_item = item_no) WHERE ord_no = ? AND mat_no = ? AND item_no NOT IN (?, ?)",
        (*at, rest, assigned),
    )


def known_profile(folder: Path) -> tuple[Path, list[str]]:
    """Write the demo's profile without what the Tryton profile does not map; return folder and what was left out."""
    yaml = YAML(typ="safe", pure=True)
    texts = [(_SYSTEMS / f"{name}.yaml").read_text(encoding="utf-8") for name in ("demo-erp", "tryton")]
    demo, tryton = (yaml.load(text) for text in texts)
    left_out = sorted(f"{entity}.*" for entity in demo["entities"].keys() - tryton["entities"].keys())
    for entity in list(demo["entities"]):
        if entity not in tryton["entities"]:
            del demo["entities"][entity], demo["identity"][entity]
            continue
        body, mapped = demo["entities"][entity], tryton["entities"][entity]["fields"]
        given = set(select_columns(body["statement"]))
        left_out += sorted(f"{entity}.{name}" for name in given - mapped.keys() - {*_ALWAYS, "native_state"})
        kept = ", ".join([*_ALWAYS, *sorted(given & mapped.keys())])
        body["statement"] = f"SELECT {kept} FROM ({body['statement']})"
    dropped = {*left_out}
    demo["states"] = {
        key: codes for key, codes in demo["states"].items()
        if key not in dropped and f"{key.partition('.')[0]}.*" not in dropped
    }  # fmt: skip
    demo["states"]["goods_movement.movement_code"] |= known_moves.CODES
    del demo["commands"]
    demo["profile"] = NAME
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{NAME}.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(demo, file)
    return folder, left_out
