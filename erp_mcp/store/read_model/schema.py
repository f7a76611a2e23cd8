"""The tables, made from the canonical entities by SQLAlchemy; needed only when a file is built."""

from __future__ import annotations

import functools
from typing import Final

from sqlalchemy import BigInteger, Column, Dialect, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, func
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from erp_mcp.domain.entities import ENTITIES, Kind, Record, field_specs

_INT64: Final = BigInteger().with_variant(Integer, "sqlite")
_NUMBERS: Final = frozenset({Kind.QUANTITY, Kind.MONEY, Kind.INTEGER, Kind.FLAG})

# What tools look for beside business keys and references.
_EXTRA_INDEXES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "sales_order_line": (("order_state", "requested_date"),),
    "goods_movement": (("posted_at",),),
    "purchase_order_line": (("order_state", "promised_date"), ("supplier_id", "order_state")),
    "goods_receipt": (("posted_on",),),
    "supplier_invoice": (("supplier_id", "posted_on", "currency", "invoice_state", "amount"),),
    "purchase_requisition": (("order_state", "created_at"),),
    "reservation": (("demand_id", "demand_line"),),
    "production_order": (("request_state",),),
    "production_operation": (("request_state",),),
    "job": (("response_state",),),
    "quality_notification": (("lot_id",), ("order_state",)),
}
# What people write otherwise than it is stored: without zeros at the front, in small letters.
_LOOSE_INDEXES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "sales_order": (("ltrim", "sales_order_id"), ("lower", "customer_reference")),
    "delivery": (("ltrim", "delivery_id"), ("lower", "tracking_id")),
}


@functools.cache
def ddl(dialect: Dialect | None = None) -> tuple[str, ...]:
    """Return the statements that build an empty read model, for SQLite unless another dialect is given."""
    speaks = dialect or sqlite.dialect()
    metadata = _metadata()
    tables = [str(CreateTable(table).compile(dialect=speaks)) for table in metadata.sorted_tables]
    indexes = [
        str(CreateIndex(index).compile(dialect=speaks))
        for table in metadata.sorted_tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
    return (*tables, *indexes)


def _metadata() -> MetaData:
    metadata = MetaData()
    for name, entity in ENTITIES.items():
        _entity_table(metadata, name, entity)
    Table(
        "identity",
        metadata,
        Column("entity", String, nullable=False),
        Column("system", String, nullable=False),
        Column("local_id", String, nullable=False),
        Column("canonical_id", String, nullable=False),
        PrimaryKeyConstraint("system", "entity", "local_id"),
        Index("identity_by_canonical", "entity", "canonical_id"),
    )
    Table(
        "sync_state",
        metadata,
        Column("system", String, nullable=False),
        Column("entity", String, nullable=False),
        Column("watermark", String, nullable=False, server_default=""),
        Column("as_of", String, nullable=False, server_default=""),
        Column("rows", Integer, nullable=False, server_default="0"),
        Column("rows_changed", Integer, nullable=False, server_default="0"),
        Column("complete", Integer, nullable=False, server_default="0"),
        Column("clock_suspect", Integer, nullable=False, server_default="0"),
        Column("last_error", String, nullable=False, server_default=""),
        Column("attempted_at", String, nullable=False, server_default=""),
        Column("lacks", String, nullable=False, server_default=""),
        Column("pass_id", String, nullable=False, server_default=""),
        Column("pass_number", Integer, nullable=False, server_default="0"),
        PrimaryKeyConstraint("system", "entity"),
    )
    Table("meta", metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
    return metadata


def _entity_table(metadata: MetaData, name: str, entity: type[Record]) -> None:
    specs = field_specs(entity)
    columns = [Column(spec.name, _INT64 if spec.kind in _NUMBERS else String, nullable=spec.optional) for spec in specs]
    table = Table(
        name,
        metadata,
        *columns,
        Column("pass_number", Integer, nullable=False),  # the pass that named the row last; a snapshot removes the rest
        PrimaryKeyConstraint("system", "source_key"),
    )
    for number, fields in enumerate(_index_fields(name, entity), start=1):
        Index(f"{name}_index_{number}", *(table.c[field] for field in fields))
    for number, (way, field) in enumerate(_LOOSE_INDEXES.get(name, ()), start=1):
        column = table.c[field]
        Index(f"{name}_loose_{number}", func.ltrim(column, "0") if way == "ltrim" else func.lower(column))


def _index_fields(name: str, entity: type[Record]) -> list[tuple[str, ...]]:
    """Return the indexes of a table: business key, each reference (a material with its site), what tools look for."""
    specs = field_specs(entity)
    has_site = any(spec.name == "site" for spec in specs)
    found = [entity.KEY, *_EXTRA_INDEXES.get(name, ())]
    for spec in specs:
        if spec.kind is Kind.REF and spec.name != entity.KEY[0]:
            fields = ("material_id", "site") if spec.name == "material_id" and has_site else (spec.name,)
            found.append(fields)
    return list(dict.fromkeys(found))
