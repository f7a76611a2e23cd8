"""Stockbook as the contract suite moves it: `pytest --erp-mcp-adapter erp_mcp_stockbook.source:StockbookSource`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Material, Stock
from erp_mcp.domain.entities.orders import Delivery
from erp_mcp.systems import load_profile
from erp_mcp.testing import Fault, FixedClock, connection_to
from erp_mcp_stockbook.adapter import StockbookAdapter
from erp_mcp_stockbook.server import KEY, Row, StockbookServer, sample

PROFILES = Path(__file__).parent / "profiles"
_COMMON = {"system": "erp", "version_token": "", "as_of": ""}
_UNITS = {"ST": "EA", "KG": "KGM"}


class StockbookSource:
    """A server of its own for each test."""

    entity = "stock"
    page_rows = 3
    secrets = (KEY, "book-db-7", "plenty")
    adapter_class = StockbookAdapter

    def __init__(self) -> None:
        self.clock = FixedClock()
        self._book = sample()
        self._server = StockbookServer(self._book)
        self._next = 100
        self.adapter = self.adapter_class.open(
            connection_to(self._server.url, headers={"X-Api-Key": KEY}, timeout_s=0.5, page_rows=self.page_rows),
            load_profile("stockbook", [PROFILES]),
            self.clock,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.adapter.close()
        self._server.down()

    def expected(self, entity: str) -> Mapping[str, Record]:
        """Return what the book holds, worked out without the adapter."""
        match entity:
            case "material":
                return {str(row["id"]): _material(row) for row in self._rows("articles")}
            case "stock":
                return {str(row["id"]): _stock(row) for row in self._rows("items")}
            case _:
                return {str(row["id"]): _delivery(row) for row in self._rows("parcels")}

    def edit(self) -> str:
        """Count another quantity."""
        self._book.put("items", {**self._book.lists["items"]["I2"], "quantity": "0.250000"})
        return "I2"

    def add(self) -> str:
        """Put something on another place."""
        self._next += 1
        row: Row = {"id": f"I{self._next}", "article": "A1", "house": "1000", "place": "R-9", "status": "Q"}
        self._book.put("items", {**row, "quantity": "7", "unit": "ST"})
        return f"I{self._next}"

    def delete(self) -> str:
        """Clear a place."""
        key = next(str(row["id"]) for row in self._rows("items") if row["id"] != "I2")
        self._book.remove("items", key)
        return key

    def fault(self, how: Fault) -> None:
        """Break the system, or mend it."""
        self._book.trouble = how if how in {"slow", "nonsense"} else "none"
        if how == "down":
            self._server.down()
        else:
            self._server.up()

    def _rows(self, name: str) -> list[Row]:
        return [row for row in self._book.lists[name].values() if not row.get("gone")]


def _material(row: Row) -> Material:
    key = str(row["id"])
    unit = _UNITS[str(row["unit"])]
    return Material(**_COMMON, source_key=key, material_id=key, description=str(row["text"]), base_uom=unit)


def _stock(row: Row) -> Stock:
    whole, _, part = str(row["quantity"]).partition(".")
    return Stock(
        **_COMMON,
        source_key=str(row["id"]),
        material_id=str(row["article"]),
        site=str(row["house"]),
        storage_location_id=str(row["place"]),
        stock_type={"F": "unrestricted", "Q": "quality"}[str(row["status"])],
        qty=int(f"{whole}{part:0<6}"),
        uom=_UNITS[str(row["unit"])],
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(
        system="erp",
        source_key=str(row["id"]),
        version_token="",
        as_of="",
        delivery_id="P1",
        line="1",
        site="1000",
        sales_order_id="SO-1",
        sales_order_line="10",
        material_id="A1",
        qty=3_000_000,
        uom="EA",
        pick_status="picked",
        picked_at="2026-03-15T16:30:00Z",  # half past five in Berlin
    )
