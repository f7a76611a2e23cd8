"""The fake JSON API as what the contract suite moves, with a profile for each kind of paging."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Lot
from erp_mcp.domain.entities.procurement import PurchaseRequisition
from erp_mcp.domain.profile import Profile
from erp_mcp.testing import Fault, FixedClock, connection_to
from tests.unit.adapters.rest.fake import PREFIX, SYSTEM_TEXT, FakeRest, Reply

PAGINGS: Final[dict[str, dict[str, JsonValue]]] = {
    "offset": {"kind": "offset", "offset": "offset", "limit": "limit"},
    "offset with total": {"kind": "offset", "offset": "offset", "limit": "limit", "total": "total"},
    "page": {"kind": "page", "page": "page", "limit": "limit", "more": "more"},
    "cursor": {"kind": "cursor", "cursor": "cursor", "limit": "limit", "next": "cursor"},
    "next": {"kind": "next", "limit": "limit", "next": "next"},
    "link": {"kind": "link", "limit": "limit"},
    "keyset": {"kind": "keyset", "limit": "limit"},
}

_KEY: Final = "key-token-7"


def profile(paging: str = "offset", **head: JsonValue) -> Profile:
    """Return a profile that pages in one way."""
    query: JsonValue = {"after": "{after}"} if paging == "keyset" else {}
    entities: dict[str, dict[str, JsonValue]] = {
        "purchase_requisition": {
            "request": {"path": "/requisitions", "query": query},
            "items": "data",
            "since": {"query": {"since": "{since:site}"}},
            "keys_alone": {"query": {"fields": "id"}},
            "by_key": {"query": {"ids": "{keys}", "after": ""}},
            "key": "id",
            "version": "modified",
            "changed": {"instant": "modified", "zone": "site"},
            "deletions": {"every_s": 0},
            "fields": {
                "requisition_id": "id",
                "line": {"pad": "line", "width": 5},
                "site": {"const": "1000"},
                "material_id": "item.code",
                "qty": "qty",
                "uom": {"unit": "unit"},
                "delivery_date": {"date": "wanted"},
                "created_at": {"instant": {"date": "made_on", "time": "made_at"}, "zone": "site"},
                "order_state": {"map": "state", "values": {"O": "open", "C": "closed"}},
            },
        },
        "lot": {
            "request": {"path": "/stores", "query": query},
            "items": "data",
            "each": "lots",
            "key": ["^.id", "no"],
            "version": "hash",
            "by_key": {"path": "/stores/{key}", "item": "data", "query": {"after": ""}},
            "fields": {"lot_id": "no", "material_id": "material", "site": "^.site"},
        },
    }
    return Profile(
        name="works",
        version=1,
        kind="rest",
        level=4,
        zone="Asia/Kolkata",
        identity={},
        states={},
        units={"Nos": "C62"},
        entities=entities,
        head={"base": PREFIX, "errors": {"found": "error", "code": "error.code"}, "paging": PAGINGS[paging], **head},
    )


def requisition(number: int, qty: object = "12.000001") -> dict[str, Any]:
    """Return a row as the system keeps it."""
    return {
        "id": f"PR/{number:04}",
        "line": 10,
        "item": {"code": f"M{number}"},
        "qty": qty,
        "unit": "Nos",
        "wanted": "2026-04-01",
        "made_on": "2026-03-16",
        "made_at": "03:15:00",
        "state": "O",
    }


class RestSource:
    """A `ContractSource`; with `adapter_type` an adapter that is wrong in one way can be tried."""

    entity = "purchase_requisition"
    page_rows = 3
    secrets = (SYSTEM_TEXT, "tabBin", _KEY)

    def __init__(self, fake: FakeRest, paging: str = "offset", adapter_type: type[RestAdapter] = RestAdapter) -> None:
        self.fake = fake
        self.clock = FixedClock()
        self._profile = profile(paging)
        self._type = adapter_type
        self._added = 60
        self.opened: list[RestAdapter] = []
        for number in range(1, 12):
            fake.put("requisitions", requisition(number))
        for number in range(1, 4):
            lots = [{"no": f"L{number}-{one}", "material": f"M{one}"} for one in range(number)]
            fake.put("stores", {"id": f"S{number}", "site": "1000", "lots": lots})
        self.adapter = self._open()

    def _open(self, timeout_s: float = 5.0) -> RestAdapter:
        connection = connection_to(
            self.fake.url,
            page_rows=self.page_rows,
            timeout_s=timeout_s,
            headers={"x-key": _KEY},
            options={"overlap_s": "0"},  # or reading again would cover up what was missed
        )
        self.opened.append(self._type.open(connection, self._profile, self.clock))
        return self.opened[-1]

    def expected(self, entity: str) -> Mapping[str, Record]:
        """Return what the fake holds."""
        if entity == "lot":
            stores = self.fake.rows["stores"].values()
            return {f"{store['id']}/{one['no']}": _lot(store, one) for store in stores for one in store["lots"]}
        return {key: _requisition(key, row) for key, row in self.fake.rows["requisitions"].items()}

    def edit(self) -> str:
        """Change a quantity; it comes as a number now."""
        self.fake.put("requisitions", requisition(2, 7.25))
        return "PR/0002"

    def add(self) -> str:
        """Add one that sorts in the middle of all keys, and one at the end, in turn."""
        self._added += 1
        self.fake.put("requisitions", requisition(self._added))
        return f"PR/{self._added:04}"

    def delete(self) -> str:
        """Delete the first that is left."""
        key = min(key for key in self.fake.rows["requisitions"] if key != "PR/0002")
        self.fake.drop("requisitions", key)
        return key

    def fault(self, how: Fault) -> None:
        """Break the fake, or mend it."""
        self.fake.mode = "well" if how == "none" else "replace" if how == "nonsense" else how
        self.fake.replace = Reply(
            body=b'{"data": [{"id": "PR/0001", "qty": NaN, "text": "%s"}]}' % SYSTEM_TEXT.encode()
        )
        self.adapter = self._open(0.2 if how == "slow" else 5.0)


def _requisition(key: str, row: Mapping[str, Any]) -> Record:
    return PurchaseRequisition(
        system="erp",
        source_key=key,
        version_token="",
        as_of="",
        requisition_id=key,
        line="00010",
        site="1000",
        material_id=row["item"]["code"],
        qty=int(Decimal(str(row["qty"])) * 1_000_000),
        uom="C62",
        delivery_date="2026-04-01",
        created_at="2026-03-15T21:45:00Z",
        order_state="open",
    )


def _lot(store: Mapping[str, Any], one: Mapping[str, Any]) -> Record:
    return Lot(
        system="erp",
        source_key=f"{store['id']}/{one['no']}",
        version_token="",
        as_of="",
        lot_id=one["no"],
        material_id=one["material"],
        site="1000",
    )
