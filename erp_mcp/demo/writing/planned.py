"""A planned order made firm, or made an order: created where it is made, a requisition where it is bought."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from typing import Final, NamedTuple

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import ComponentRow, OperationRow, OrderRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.order_dates import order_document
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.requisition import create_requisition
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CONFIRM_PLANNED: Final = "planned_order.confirm"
_COLUMNS: Final = ("pln_no", "plant", "mat_no", "qty", "uom", "start_on", "finish_on", "proc_type", "firm", "conv")
_ACTIONS: Final = ("firm", "convert")
_FIRST_ORDER: Final = 1_000_001


class _Planned(NamedTuple):
    """A row of `pln_ord` without its version."""

    pln_no: str
    plant: str
    mat_no: str
    qty: str
    uom: str
    start_on: str
    finish_on: str
    proc_type: str
    firm: int
    conv: int


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    number = names.local(profile, "planned_order", names.text_of(fields, "planned_order_id"))
    if number not in (command.key, ""):
        return Rejected("key_mismatch")  # two planned orders are named: whichever is written, one was not approved
    return {"pln_no": command.key, "action": names.text_of(fields, "action"), "version": command.version_token}


def confirm_planned(work: Work, arguments: Arguments) -> Reply:
    """Do what is asked with a planned order that is still at `version`."""
    number, action = names.text_of(arguments, "pln_no"), names.text_of(arguments, "action")
    row = work.database.execute(
        f"SELECT {', '.join(_COLUMNS)}, changed_at FROM pln_ord WHERE pln_no = ?", (number,)
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "pln_ord", number))
    if row[-1] != arguments.get("version"):
        return Superseded()
    planned = _Planned(*row[:-1])
    if action not in _ACTIONS:
        return Rejected("unknown_action")
    if action == "firm":
        return _make_firm(work, planned)
    if not planned.conv:
        return Rejected("not_convertible")
    return _make_order(work, planned) if planned.proc_type == "E" else _request(work, planned)


def _make_firm(work: Work, planned: _Planned) -> Reply:
    if planned.firm:
        return Rejected("nothing_changes")
    work.database.execute(
        "UPDATE pln_ord SET firm = 1, changed_at = ? WHERE pln_no = ?", (work.stamp("pln_ord"), planned.pln_no)
    )
    fields, version = _read(work.database, planned.pln_no, "")
    return Document(doc_type="PL", number=planned.pln_no, item="", version=version, fields=fields)


def _request(work: Work, planned: _Planned) -> Reply:
    """Make a requisition by the rules of requisitions."""
    wanted: dict[str, JsonValue] = {
        "mat_no": planned.mat_no, "plant": planned.plant, "qty": planned.qty, "uom": planned.uom,
        "dlv_date": planned.finish_on, "vendor_no": None,
    }  # fmt: skip
    reply = create_requisition(work, wanted)
    if isinstance(reply, Document):
        _drop(work, planned, reply.version)
    return reply


def _make_order(work: Work, planned: _Planned) -> Reply:
    """Make a production order that is created, with components and operations as master data has them that day."""
    code = erp_rules.date_refusal(planned.start_on, work.today) or _material_refusal(work.database, planned)
    if code:
        return Rejected(code)
    components, steps = _components(work.database, planned), _steps(work.database, planned)
    if not components or not steps:
        return Rejected("no_bill_of_material" if not components else "no_routing")
    stamp = work.stamp("prod_head", "prod_comp", "prod_op", "pln_ord")
    order = work.next_number("prod_head", "ord_no", "MO", first=_FIRST_ORDER, digits=12)
    dates = (planned.start_on, planned.finish_on)
    work.insert(
        "prod_head",
        OrderRow(
            order, planned.plant, planned.mat_no, planned.qty, "0.000", "0.000", planned.uom, *dates, *dates, "CRTD",
            None, None, None, "PP01", stamp,
        ),
    )  # fmt: skip
    for item, material, per, uom in components:
        qty = names.thousandths(str(Decimal(per) * Decimal(planned.qty)))
        need = planned.start_on
        work.insert(
            "prod_comp",
            ComponentRow(order, item, planned.plant, material, qty, "0.000", qty, uom, need, None, stamp),
        )
    for place, (number, center, minutes) in enumerate(steps):
        day = min(date.fromisoformat(planned.start_on) + timedelta(days=place), date.fromisoformat(planned.finish_on))
        begin, end = f"{day.isoformat()}T07:00:00Z", f"{day.isoformat()}T13:00:00Z"
        work.insert("prod_op", OperationRow(order, number, planned.plant, center, begin, end, "CRTD", minutes, stamp))
    _drop(work, planned, stamp)
    return order_document(work, order)


def _material_refusal(database: sqlite3.Connection, planned: _Planned) -> str | None:
    (status,) = database.execute("SELECT mat_stat FROM mat_gen WHERE mat_no = ?", (planned.mat_no,)).fetchone()
    if status == "01":
        return None
    return "material_discontinued" if status == "03" else "material_blocked"


def _components(database: sqlite3.Connection, planned: _Planned) -> list[tuple[str, str, str, str]]:
    return database.execute(
        "SELECT item_no, comp_no, qty_per, uom FROM bom_item"
        " WHERE mat_no = ? AND valid_from <= ? AND (valid_to IS NULL OR valid_to >= ?) ORDER BY item_no",
        (planned.mat_no, planned.start_on, planned.start_on),
    ).fetchall()


def _steps(database: sqlite3.Connection, planned: _Planned) -> list[tuple[str, str, int]]:
    """Return number, work centre and minutes of each operation at the plant."""
    found = database.execute(
        "SELECT r.op_no, r.wc_no, r.setup_min, r.run_sec FROM routing_op r JOIN work_ctr w USING (wc_no)"
        " WHERE r.mat_no = ? AND w.plant = ? ORDER BY r.op_no",
        (planned.mat_no, planned.plant),
    ).fetchall()
    return [(op, center, setup + ceil(run * Decimal(planned.qty) / 60)) for op, center, setup, run in found]


def _drop(work: Work, planned: _Planned, stamp: str) -> None:
    work.database.execute("DELETE FROM pln_ord WHERE pln_no = ?", (planned.pln_no,))
    work.insert("deletion_log", ("pln_ord", planned.pln_no, stamp))


def _read(database: sqlite3.Connection, number: str, _: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "pln_ord", _COLUMNS, (number,))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "planned_order_id": names.canonical(profile, "planned_order", names.text_of(fields, "pln_no")),
        "action": "firm" if fields["firm"] else None,
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key="{0}".format)
OPERATION: Final = ErpOperation(
    name=CONFIRM_PLANNED,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=confirm_planned,
    refusals=frozenset(
        {
            "bad_date", "bad_quantity", "date_in_past", "document_deleted", "key_mismatch", "material_blocked",
            "material_discontinued", "no_bill_of_material", "no_routing", "not_convertible", "not_purchased",
            "nothing_changes", "unknown_action", "unknown_document", "unknown_material", "unknown_unit",
        }
    ),
)  # fmt: skip
