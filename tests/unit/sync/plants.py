"""Small systems of record for these tests."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, TypedDict

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import ENTITIES, Record, field_specs
from erp_mcp.domain.entities.inventory import Material, Stock, UnitConversion
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.entities.production import Job
from erp_mcp.domain.profile import IdentityRule, Profile


class _Common(TypedDict):
    system: str
    version_token: str
    as_of: str


_COMMON: Final = _Common(system="erp", version_token="1", as_of="2026-03-16T05:00:00Z")


def profile(identity: dict[str, IdentityRule] | None = None, *, name: str = "plant", level: int = 4) -> Profile:
    entities: dict[str, dict[str, JsonValue]] = {"material": {}, "stock": {}}
    return Profile(
        name=name,
        version=1,
        kind="memory",
        level=level,
        zone="UTC",
        identity=identity or {},
        states={},
        entities=entities,
    )


def material(number: int | str, base_uom: str = "EA") -> Material:
    return Material(**_COMMON, source_key=f"M{number}", material_id=f"M{number}", base_uom=base_uom)


def stock(number: int, qty: int) -> Stock:
    return Stock(
        **_COMMON,
        source_key=f"S{number}",
        material_id=f"M{number}",
        site="1000",
        storage_location_id="A1",
        stock_type="unrestricted",
        qty=qty,
        uom="EA",
    )


def purchase_line(line: str, qty_open: int, uom: str, material_id: str = "M1") -> PurchaseOrderLine:
    return PurchaseOrderLine(
        **_COMMON,
        source_key=f"P1/{line}",
        purchase_order_id="P1",
        line=line,
        site="1000",
        supplier_id="V1",
        material_id=material_id,
        qty_ordered=qty_open,
        qty_received=0,
        qty_open=qty_open,
        uom=uom,
        order_state="open",
    )


def conversion(uom: str, numerator: int, denominator: int) -> UnitConversion:
    return UnitConversion(
        **_COMMON,
        source_key=f"M1/{uom}",
        material_id="M1",
        uom=uom,
        base_uom="EA",
        numerator=numerator,
        denominator=denominator,
    )


def job(order: str, work_center: str = "L1.ASM01") -> Job:
    return Job(
        **_COMMON,
        source_key="J1",
        job_id="J1",
        production_order_id=order,
        site="1000",
        work_center_id=work_center,
        response_state="Running",
    )


def table(path: Path, entity: str) -> dict[str, dict[str, object]]:
    """Return the rows of one table by source key, without what is not content."""
    fields = [spec.name for spec in field_specs(ENTITIES[entity]) if spec.name not in {"as_of", "system"}]
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(f"SELECT {', '.join(fields)} FROM {entity}").fetchall()
    return {row[0]: dict(zip(fields, row, strict=True)) for row in rows}


def content(records: dict[str, Record]) -> dict[str, dict[str, object]]:
    """Return records in the same form as `table`."""
    return {
        key: {
            spec.name: getattr(record, spec.name)
            for spec in field_specs(type(record))
            if spec.name not in {"as_of", "system"}
        }
        for key, record in records.items()
    }
