"""A small firm behind the fake server, a profile that maps it, and what its records must become."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from erp_mcp.adapters import Connection
from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.domain.entities.orders import Customer, SalesOrderLine
from erp_mcp.domain.entities.production import Downtime
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.ports import Clock
from tests.unit.adapters.odata.fake import FakeOData
from tests.unit.adapters.odata.fake_form import FakeSet, Link

QUICK: Final = TrafficLimits(
    requests_per_s=100_000, burst=100_000, concurrent=16, failures=1000, window=1000, attempts=1
)
SERVICE: Final = "sap/opu/odata/sap/API_FAKE"
ENTITIES: Final[dict[str, dict[str, JsonValue]]] = {
    "stock": {
        "set": "main/A_Stock",
        "key": ["Material", "Bin"],
        "version": "etag",
        "changed": "LastChange",
        "deletions": {"every_s": 0},
        "filter": {"SpecialStock": [""]},
        "fields": {
            "material_id": "Material",
            "site": {"const": "1000"},
            "storage_location_id": "Bin",
            "stock_type": "StockType",
            "qty": "Quantity",
            "uom": {"unit": "Unit"},
        },
    },
    "sales_order_line": {
        "set": "main/A_Item",
        "key": ["Order", "Item"],
        "version": "hash",
        "changed": "to_Order.LastChange",
        "deletions": {"every_s": 0},
        "fields": {
            "sales_order_id": "Order",
            "line": "Item",
            "site": {"const": "1000"},
            "customer_id": "to_Order.SoldTo",
            "material_id": "Material",
            "qty_ordered": "Quantity",
            "qty_delivered": {"sum": "to_Schedule.Delivered"},
            "qty_open": {"minus": ["Quantity", {"sum": "to_Schedule.Delivered"}], "floor": "0"},
            "uom": {"const": "EA"},
            "requested_date": {"earliest": "to_Schedule.Wanted"},
            "net_value": "NetAmount",
            "currency": {"const": "EUR"},
            "order_state": {"const": "open"},
        },
    },
    "downtime": {
        "set": "main/A_Stop",
        "key": ["Stop"],
        "version": "hash",
        "fields": {
            "downtime_id": {"pad": "Stop", "width": 4},
            "site": {"const": "1000"},
            "work_center_id": {"const": "W1"},
            "started_at": "Began",
            "ended_at": {"instant": {"date": "EndDay", "time": "EndTime"}, "zone": "site"},
            "planned": "Planned",
        },
    },
    "customer": {
        "set": "main/A_Customer",
        "key": ["Id"],
        "version": "Version",
        "paging": "links",
        "fields": {"customer_id": "Id", "name": "Name"},
    },
}


def profile(version: int, **changes: dict[str, JsonValue]) -> Profile:
    """Return the profile for a version; `changes` are further keys, or others, of an entity."""
    entities = {name: {**body, **changes.get(name, {})} for name, body in ENTITIES.items()}
    return Profile(
        name="works", version=1, kind="odata", level=4, zone="Europe/Berlin", identity={},
        states={"stock.stock_type": {"F": "unrestricted"}}, entities=entities, units={"ST": "H87"},
        head={"version": version, "services": {"main": SERVICE}},
    )  # fmt: skip


def sets(version: int) -> dict[str, FakeSet]:
    """Return empty sets."""
    day, clock = ("Edm.DateTime", "Edm.Time") if version == 2 else ("Edm.Date", "Edm.TimeOfDay")
    return {
        "A_Stock": FakeSet(
            key=("Material", "Bin"),
            types={
                "Material": "Edm.String", "Bin": "Edm.String", "StockType": "Edm.String", "Quantity": "Edm.Decimal",
                "Unit": "Edm.String", "SpecialStock": "Edm.String", "LastChange": "Edm.DateTimeOffset",
                "Note": "Edm.String",
            },
            etag="LastChange",
        ),
        "A_Item": FakeSet(
            key=("Order", "Item"),
            types={
                "Order": "Edm.String", "Item": "Edm.String", "Material": "Edm.String", "Quantity": "Edm.Decimal",
                "NetAmount": "Edm.Decimal",
            },
            links={
                "to_Order": Link(target="A_Order", many=False, on={"Order": "Order"}),
                "to_Schedule": Link(target="A_Schedule", many=True, on={"Order": "Order", "Item": "Item"}),
            },
        ),
        "A_Order": FakeSet(
            key=("Order",),
            types={"Order": "Edm.String", "SoldTo": "Edm.String", "LastChange": "Edm.DateTimeOffset"},
            etag="LastChange",
        ),
        "A_Schedule": FakeSet(
            key=("Order", "Item", "Line"),
            types={
                "Order": "Edm.String", "Item": "Edm.String", "Line": "Edm.String", "Delivered": "Edm.Decimal",
                "Wanted": day,
            },
        ),
        "A_Stop": FakeSet(
            key=("Stop",),
            types={
                "Stop": "Edm.Int32", "Began": "Edm.DateTimeOffset", "EndDay": day, "EndTime": clock,
                "Planned": "Edm.Boolean",
            },
        ),
        "A_Customer": FakeSet(
            key=("Id",), types={"Id": "Edm.Guid", "Name": "Edm.String", "Version": "Edm.Int64"}
        ),
    }  # fmt: skip


class Plant:
    """The firm behind a fake server."""

    def __init__(self, fake: FakeOData) -> None:
        self.fake = fake
        self.added = 100
        for number in range(1, 12):
            self.stock(number, quantity=f"{number}.250001")
            self.item(number)
        fake.put("A_Stock", Material="M1", Bin="K9", StockType="?", Quantity=Decimal(1), Unit="EA", SpecialStock="K")
        for number in range(1, 6):
            end = datetime(2026, 3, 16, 8, 30)  # noqa: DTZ001  a day and a time of day, kept apart
            day = end.replace(hour=0, minute=0) if fake.version == 2 else end.date()
            fake.put(
                "A_Stop", Stop=number, Began=datetime(2026, 3, 16, 4, 30, tzinfo=UTC) + timedelta(minutes=number),
                EndDay=day, EndTime=end.time(), Planned=number == 2,
            )  # fmt: skip
            guid = f"00000000-0000-0000-0000-00000000000{number}"
            fake.put("A_Customer", Id=guid, Name="Ünal & Søn", Version=9_007_199_254_740_993 + number)

    def stock(self, number: int, *, quantity: str) -> str:
        self.fake.put(
            "A_Stock", Material=f"M{number}", Bin="A/1", StockType="F", Quantity=Decimal(quantity), Unit="ST",
            SpecialStock="", Note="",
        )  # fmt: skip
        return f"M{number}/A%2F1"

    def item(self, number: int) -> None:
        order = f"{number:010}"
        day = datetime(2026, 4, number)  # noqa: DTZ001  a day without a zone
        self.fake.put("A_Order", Order=order, SoldTo="C1")
        self.fake.put(
            "A_Item", Order=order, Item="000010", Material=f"M{number}", Quantity=Decimal("10.5"),
            NetAmount=Decimal("1234567890.1234"),
        )  # fmt: skip
        for line in range(number % 3):
            self.fake.put(
                "A_Schedule", Order=order, Item="000010", Line=f"{line + 1:04}", Delivered=Decimal("0.5"),
                Wanted=day + timedelta(days=line) if self.fake.version == 2 else day.date() + timedelta(days=line),
            )  # fmt: skip
        if number % 3 == 0:
            self.fake.put(
                "A_Schedule", Order=order, Item="000010", Line="0001", Delivered=Decimal(11),
                Wanted=day if self.fake.version == 2 else day.date(),
            )  # fmt: skip

    def rows(self, name: str) -> list[dict[str, Any]]:
        return self.fake.sets[name].rows

    def expected(self, entity: str) -> Mapping[str, Record]:
        made = {"stock": self._stocks, "sales_order_line": self._lines, "downtime": self._stops}
        return made.get(entity, self._customers)()

    def _stocks(self) -> dict[str, Record]:
        return {
            f"{row['Material']}/A%2F1": Stock(
                **_common(f"{row['Material']}/A%2F1"), material_id=row["Material"], site="1000",
                storage_location_id="A/1", stock_type="unrestricted", qty=int(row["Quantity"] * 10**6), uom="H87",
            )
            for row in self.rows("A_Stock")
            if row["SpecialStock"] == ""
        }  # fmt: skip

    def _lines(self) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for row in self.rows("A_Item"):
            schedule = [one for one in self.rows("A_Schedule") if one["Order"] == row["Order"]]
            delivered = sum((one["Delivered"] for one in schedule), Decimal(0))
            key = f"{row['Order']}/{row['Item']}"
            found[key] = SalesOrderLine(
                **_common(key), sales_order_id=row["Order"], line=row["Item"], site="1000", customer_id="C1",
                material_id=row["Material"], qty_ordered=10_500_000, qty_delivered=int(delivered * 10**6),
                qty_open=max(0, 10_500_000 - int(delivered * 10**6)), uom="EA", currency="EUR", order_state="open",
                requested_date=min(f"{one['Wanted']:%Y-%m-%d}" for one in schedule), net_value=12_345_678_901_234,
            )  # fmt: skip
        return found

    def _stops(self) -> dict[str, Record]:
        return {
            str(row["Stop"]): Downtime(
                **_common(str(row["Stop"])), downtime_id=f"{row['Stop']:04}", site="1000", work_center_id="W1",
                started_at=f"2026-03-16T04:{30 + row['Stop']}:00Z", ended_at="2026-03-16T07:30:00Z",
                planned=row["Planned"],
            )
            for row in self.rows("A_Stop")
        }  # fmt: skip

    def _customers(self) -> dict[str, Record]:
        return {
            row["Id"]: Customer(**_common(row["Id"]), customer_id=row["Id"], name=row["Name"])
            for row in self.rows("A_Customer")
        }


def opened(
    fake: FakeOData, clock: Clock, *, mapping: Profile | None = None, timeout_s: float = 10.0, page_rows: int = 3,
    options: Mapping[str, str] | None = None,
) -> ODataAdapter:  # fmt: skip
    """Return an adapter for the firm."""
    account, _, secret = fake.account.partition(":")
    connection = Connection(
        system="erp", url=fake.url, account=account, secret=secret, page_rows=page_rows, timeout_s=timeout_s,
        limits=QUICK, options=options or {},
    )  # fmt: skip
    return ODataAdapter.open(connection, mapping or profile(fake.version), clock)


def _common(key: str) -> dict[str, Any]:
    return {"system": "erp", "source_key": key, "version_token": "", "as_of": ""}
