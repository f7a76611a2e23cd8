"""What agents ask for under fire: changes of several kinds, each told apart from all others by what it writes.

How often a change was made is counted in the tables of the ERP by its content, not by our reference: an ERP that takes
a reference only once would hide that it was sent twice.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from erp_mcp.domain.call import JsonValue

TASK: Final = "propose_create_human_task"  # kept by the gateway itself, in no table of the ERP
_REASON: Final = "Asked for while processes are being killed."
_FIRST_DAY: Final = date(2026, 5, 4)
_NEW_DATE: Final = "2026-09-15"
_DEFECTS: Final = ("DIM", "SURF", "CERT", "MIX", "CRACK")
_LINES: Final = (
    "SELECT po_no, min(item_no), promise FROM po_item WHERE stat = 'OPEN' AND release_ind = 'R'"
    " AND promise >= '2026-04-06' AND CAST(qty_open AS REAL) > 0 AND conf_flag GROUP BY po_no"
)
_SOURCES: Final = (
    "SELECT s.mat_no, s.vendor_no, s.plant, s.uom, s.min_qty FROM source_list AS s JOIN vendor AS v USING (vendor_no)"
    " WHERE NOT s.blocked AND NOT v.purch_block ORDER BY 1, 2, 3"
)
_LOTS: Final = "SELECT lot_no, plant FROM batch WHERE plant IS NOT NULL ORDER BY lot_no DESC"
_CENTRES: Final = "SELECT wc_no FROM work_ctr ORDER BY wc_no"

_WEIGHTS: Final = (4, 4, 4, 2, 1, 1, 4)  # two people must say yes to orders and suppliers, each slowly

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One change: the call that proposes it, and the SELECT that counts how often it is in the ERP."""

    tool: str
    arguments: Mapping[str, JsonValue]
    counted: str = ""
    values: Row = ()

    @property
    def key(self) -> str:
        """Its idempotency key, which no other change has."""
        return str(self.arguments["idempotency_key"])


def asked(erp: Path, wanted: int, chance: random.Random) -> list[Asked]:
    """Return so many changes for a demo plant, the kinds mixed; some may be refused by the rules, which is an end too.

    Args:
        erp: The plant's `erp.sqlite`, never written to.
        wanted: How many.
        chance: Which kind comes when.
    """
    with closing(sqlite3.connect(f"file:{erp}?mode=ro", uri=True)) as database:
        rows = {text: database.execute(text).fetchall() for text in (_LINES, _SOURCES, _LOTS, _CENTRES)}
    kinds = [
        *(_dates(rows[_LINES]), _requisitions(rows[_SOURCES]), _defects(rows[_LOTS]), _malfunctions(rows[_CENTRES])),
        *(_orders(rows[_SOURCES]), _suppliers(), _tasks()),
    ]
    weights = dict(zip(map(id, kinds), _WEIGHTS, strict=True))
    found: list[Asked] = []
    while len(found) < wanted:
        (kind,) = chance.choices(kinds, [weights[id(one)] for one in kinds])
        one = next(kind, None)
        if one is None:
            kinds.remove(kind)
        else:
            found.append(one)
    return found


def notifications(erp: Path) -> Iterator[Asked]:
    """Return changes of one kind, thousands of them: defects of lots, to each of which one person says yes."""
    with closing(sqlite3.connect(f"file:{erp}?mode=ro", uri=True)) as database:
        return _defects(database.execute(_LOTS).fetchall())


def effects(erp: sqlite3.Connection, one: Asked, tasks: Mapping[str, int]) -> int:
    """Return how often a change was made; `tasks` counts the tasks for people by their titles."""
    if one.tool == TASK:
        return tasks.get(str(one.arguments["title"]), 0)
    (found,) = erp.execute(one.counted, one.values).fetchone()
    return int(found)


def _made(tool: str, key: str, counted: str = "", values: Row = (), **arguments: JsonValue) -> Asked:
    told = {**arguments, "reason": _REASON, "idempotency_key": f"under-fire:{key}"}
    return Asked(tool=tool, arguments=told, counted=counted, values=values)


def _dates(lines: list[Row]) -> Iterator[Asked]:
    """A new date of a line that is confirmed is a confirmation of its own: a second one would be one more row."""
    for po_no, item_no, _ in lines:
        yield _made(
            "propose_update_delivery_date", f"date:{po_no}",
            "SELECT count(*) FROM po_conf WHERE po_no = ? AND item_no = ? AND promise = ?", (po_no, item_no, _NEW_DATE),
            purchase_order_id=po_no, line=item_no, new_date=_NEW_DATE,
        )  # fmt: skip


def _orders(sources: list[Row]) -> Iterator[Asked]:
    """Months apart, so that none is a duplicate of another by the rules of purchasing."""
    for number, (month, (mat_no, vendor_no, plant, uom, least)) in enumerate(
        (month, source) for month in range(8) for source in sources
    ):
        day, qty = (_FIRST_DAY + timedelta(days=35 * month)).isoformat(), _unlike(least, number)
        line: JsonValue = {"material_id": mat_no, "qty": qty, "uom": uom, "delivery_date": day}
        yield _made(
            "propose_create_purchase_order", f"order:{number}",
            "SELECT count(*) FROM po_item WHERE mat_no = ? AND vendor_no = ? AND plant = ? AND qty_ord = ?"
            " AND req_date = ?", (mat_no, vendor_no, plant, qty, day),
            supplier_id=vendor_no, site=plant, lines=[line],
        )  # fmt: skip


def _requisitions(sources: list[Row]) -> Iterator[Asked]:
    """One for each material and site: a later one would be covered by it."""
    seen: set[Row] = set()
    for number, (mat_no, _, plant, uom, least) in enumerate(sources):
        if (mat_no, plant) in seen:
            continue
        seen.add((mat_no, plant))
        day, qty = "2027-02-15", _unlike(least, number)
        yield _made(
            "propose_create_purchase_requisition", f"requisition:{number}",
            "SELECT count(*) FROM pr_item WHERE mat_no = ? AND plant = ? AND qty = ? AND dlv_date = ?",
            (mat_no, plant, qty, day), material_id=mat_no, site=plant, qty=qty, uom=uom, delivery_date=day,
        )  # fmt: skip


def _defects(lots: list[Row]) -> Iterator[Asked]:
    for number, (defect, (lot_no, plant)) in enumerate((defect, lot) for defect in _DEFECTS for lot in lots):
        text = f"Seen at packing, piece {number} of the pallet."
        yield _made(
            "propose_create_quality_notification", f"defect:{number}",
            "SELECT count(*) FROM qual_notif WHERE lot_no = ? AND descr = ?", (lot_no, text),
            site=plant, lot_id=lot_no, defect_code=defect, description=text,
        )  # fmt: skip


def _malfunctions(centres: list[Row]) -> Iterator[Asked]:
    for number, (centre,) in enumerate(centres):
        text = f"The spindle is loud, report {number}."
        yield _made(
            "propose_create_maintenance_notification", f"malfunction:{number}",
            "SELECT count(*) FROM mnt_notif WHERE wc_no = ? AND descr = ?", (centre, text),
            work_center_id=centre, description=text,
        )  # fmt: skip


def _suppliers() -> Iterator[Asked]:
    """Two people must say yes to each."""
    for number in count():
        name = f"Hof{number}bach Guss GmbH"
        yield _made(
            "propose_create_supplier", f"supplier:{number}", "SELECT count(*) FROM vendor WHERE name1 = ?", (name,),
            name=name, country="DE", tax_id=f"DE9{number:08d}", supplier_type="material", payment_terms="N30",
        )  # fmt: skip


def _tasks() -> Iterator[Asked]:
    for number in count():
        yield _made(
            TASK, f"task:{number}", site="1000", role="supervisor", title=f"Look at queue {number}",
            instructions="Orders wait there since Monday. Can one go to another centre?",
        )  # fmt: skip


def _unlike(least: str, number: int) -> str:
    """Return a quantity that no other row of the ERP has: twice the least one, and some thousandths."""
    return f"{2 * int(float(least)) + 10}.{number % 900 + 100:03d}"
