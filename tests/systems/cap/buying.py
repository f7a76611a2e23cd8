"""A buyer at the rig: looks at orders and requisitions by SQL and as another user, and changes them by hand."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import psycopg

from tests.systems.cap.server import Cap

V2: Final = "/sap/opu/odata/sap"
V4: Final = "/sap/opu/odata4/sap"
_CREATED_ORDERS: Final = """
    SELECT manufacturingorder FROM s4_productionorder
     WHERE orderiscreated AND NOT orderismarkedfordeletion AND NOT orderislocked ORDER BY 1 LIMIT 12"""
_OPEN_LINES: Final = """
    SELECT s.purchasingdocument, s.purchasingdocumentitem, i.material, i.plant, i.purchaseorderquantityunit, p.supplier
      FROM s4_purchaseorderscheduleline s
      JOIN s4_purchaseorderitem i ON i.purchaseorder = s.purchasingdocument
                                 AND i.purchaseorderitem = s.purchasingdocumentitem
      JOIN s4_purchaseorder p ON p.purchaseorder = i.purchaseorder
      JOIN s4_supplier v ON v.supplier = p.supplier
     WHERE NOT i.iscompletelydelivered AND i.purchasingdocumentdeletioncode = '' AND NOT v.purchasingisblocked
       AND NOT p.releaseisnotcompleted
       AND NOT EXISTS (SELECT 1 FROM s4_purchaseorderscheduleline o
                        WHERE o.purchasingdocument = s.purchasingdocument
                          AND o.purchasingdocumentitem = s.purchasingdocumentitem AND o.scheduleline <> s.scheduleline)
     ORDER BY 1, 2 LIMIT 24"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An open line of an order."""

    order: str
    item: str
    material: str
    plant: str
    unit: str
    supplier: str

    @property
    def key(self) -> str:
        return f"{self.order}/{self.item}"


class Buyer:
    """Reads and writes the rig's tables, beside its services; what it changed or found is put back by `restore`."""

    def __init__(self, cap: Cap) -> None:
        self.cap = cap
        self._sql = psycopg.connect(cap.database_url, user=cap.owner, password=cap.owner_password, autocommit=True)
        self.lines = [Line(**dict(zip(Line.__slots__, row, strict=True))) for row in self._all(_OPEN_LINES)]
        self._dates = self._all(
            "SELECT schedulelinedeliverydate, purchasingdocument, purchasingdocumentitem, scheduleline"
            " FROM s4_purchaseorderscheduleline"
        )
        self._headers = self._all("SELECT correspncexternalreference, purchaseorder FROM s4_purchaseorder")
        self.created = [str(row[0]) for row in self._all(_CREATED_ORDERS)]
        self._production = self._all(
            "SELECT orderiscreated, orderisreleased, orderistechnicallycompleted, mfgorderscheduledenddate,"
            " lastchangedatetime, manufacturingorder FROM s4_productionorder WHERE manufacturingorder = ANY(%s)",
            (self.created,),
        )
        self._before = {row[0] for row in self._all("SELECT purchaserequisition FROM s4_purchaserequisitionheader")}

    def date(self, line: Line) -> str:
        """Return a line's promised date."""
        statement = (
            "SELECT schedulelinedeliverydate FROM s4_purchaseorderscheduleline"
            " WHERE purchasingdocument = %s AND purchasingdocumentitem = %s"
        )
        ((day,),) = self._all(statement, (line.order, line.item))
        return str(day)

    def by_hand(self, line: Line, day: str) -> None:
        """Move the date as a person does, so that the version is another one."""
        self._sql.execute(
            "UPDATE s4_purchaseorderscheduleline SET schedulelinedeliverydate = %s,"
            " lastchangedatetime = (SELECT max(lastchangedatetime) + interval '1 second' FROM"
            " s4_purchaseorderscheduleline) WHERE purchasingdocument = %s AND purchasingdocumentitem = %s",
            (day, line.order, line.item),
        )

    def header(self, line: Line) -> str:
        """Return what an order's header bears as the other side's reference."""
        statement = "SELECT correspncexternalreference FROM s4_purchaseorder WHERE purchaseorder = %s"
        ((found,),) = self._all(statement, (line.order,))
        return str(found or "")

    def production(self, order: str) -> tuple[bool, bool, str]:
        """Return of a production order whether it is released, whether it is completed, and its last day."""
        statement = (
            "SELECT orderisreleased, orderistechnicallycompleted, mfgorderscheduledenddate FROM s4_productionorder"
            " WHERE manufacturingorder = %s"
        )
        ((released, completed, day),) = self._all(statement, (order,))
        return bool(released), bool(completed), str(day)

    def touch_production(self, order: str) -> None:
        """Change a production order as a person does, so that the version is another one."""
        self._sql.execute(
            "UPDATE s4_productionorder SET lastchangedatetime = (lastchangedatetime::bigint + 1)::text"
            " WHERE manufacturingorder = %s",
            (order,),
        )

    def requisitions(self, reference: str) -> list[dict[str, Any]]:
        """Return the requisition items that bear a reference."""
        with self._sql.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(
                "SELECT * FROM s4_purchaserequisitionitem WHERE purreqnexternalreference = %s", (reference,)
            ).fetchall()

    def made(self) -> dict[str, str]:
        """Return every requisition item made since, by source key."""
        rows = self._all("SELECT purchaserequisition, purchaserequisitionitem, requestedquantity FROM "
                         "s4_purchaserequisitionitem")  # fmt: skip
        return {f"{number}/{item}": str(qty) for number, item, qty in rows if number not in self._before}

    def get(self, path: str) -> Any:
        """Read as the account that may only read."""
        answer = httpx2.get(
            f"{self.cap.url}{path}", auth=(self.cap.reader, self.cap.reader_password), trust_env=False, timeout=30,
            headers={"Accept": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)

    def end_sessions(self) -> None:
        """Let every token run out."""
        httpx2.post(f"{self.cap.url}/rig/forget-sessions", trust_env=False, timeout=30).raise_for_status()

    def restore(self) -> None:
        """Put dates back and take away what was made."""
        for row in self._dates:
            self._sql.execute(
                "UPDATE s4_purchaseorderscheduleline SET schedulelinedeliverydate = %s WHERE purchasingdocument = %s"
                " AND purchasingdocumentitem = %s AND scheduleline = %s",
                row,
            )
        for row in self._headers:
            self._sql.execute(
                "UPDATE s4_purchaseorder SET correspncexternalreference = %s WHERE purchaseorder = %s"
                " AND correspncexternalreference IS DISTINCT FROM %s",
                (*row, row[0]),
            )
        for row in self._production:
            self._sql.execute(
                "UPDATE s4_productionorder SET orderiscreated = %s, orderisreleased = %s,"
                " orderistechnicallycompleted = %s, mfgorderscheduledenddate = %s, lastchangedatetime = %s"
                " WHERE manufacturingorder = %s",
                row,
            )
        made = sorted({key.partition("/")[0] for key in self.made()})
        for table in ("s4_purchaserequisitionitem", "s4_purchaserequisitionheader"):
            self._sql.execute(f"DELETE FROM {table} WHERE purchaserequisition = ANY(%s)", (made,))
        self._sql.close()

    def _all(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        return self._sql.execute(statement, parameters).fetchall()


@contextlib.contextmanager
def buying(cap: Cap) -> Iterator[Buyer]:
    """Yield a buyer, and put everything back."""
    buyer = Buyer(cap)
    try:
        yield buyer
    finally:
        buyer.restore()
