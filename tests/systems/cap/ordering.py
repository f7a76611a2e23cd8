"""Somebody beside the gateway who looks at orders bought and sold by SQL, changes them by hand, and puts all back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from tests.systems.cap.server import Cap

_BOUGHT: Final = """
    SELECT i.purchaseorder, i.purchaseorderitem, i.material, i.plant, i.purchaseorderquantityunit, p.supplier,
           p.documentcurrency, count(*) > 1
      FROM s4_purchaseorderitem i
      JOIN s4_purchaseorder p ON p.purchaseorder = i.purchaseorder
      JOIN s4_supplier v ON v.supplier = p.supplier
      JOIN s4_purchaseorderscheduleline s ON s.purchasingdocument = i.purchaseorder
                                         AND s.purchasingdocumentitem = i.purchaseorderitem
     WHERE NOT i.iscompletelydelivered AND i.purchasingdocumentdeletioncode = '' AND NOT v.purchasingisblocked
       AND NOT p.releaseisnotcompleted
     GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(s.roughgoodsreceiptqty) = 0 OR count(*) > 1
     ORDER BY 8 DESC, 1 DESC, 2 LIMIT 60"""
_SOLD: Final = """
    SELECT i.salesorder, i.salesorderitem, count(*) > 1
      FROM s4_salesorderitem i JOIN s4_salesorderscheduleline s
        ON s.salesorder = i.salesorder AND s.salesorderitem = i.salesorderitem
     WHERE i.salesdocumentrjcnreason = '' AND i.sdprocessstatus <> 'C'
     GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT 40"""
_SOURCES: Final = """
    SELECT r.purchasinginforecord, r.material, r.plant, r.supplier, r.purchaseorderpriceunit, r.netpriceamount
      FROM s4_purginforecdorgplantdata r JOIN s4_supplier v ON v.supplier = r.supplier
      JOIN s4_productplant p ON p.product = r.material AND p.plant = r.plant
     WHERE NOT r.ismarkedfordeletion AND NOT v.purchasingisblocked AND p.procurementtype = 'F' ORDER BY 1 LIMIT 4"""
_MADE: Final = ("s4_purchaseorder", "s4_purchaseorderitem", "s4_purchaseorderscheduleline")
_TABLES: Final = {
    "s4_purginforecdorgplantdata": "purchasinginforecord",
    "s4_purchaseorder": "purchaseorder", "s4_purchaseorderitem": "purchaseorder",
    "s4_purchaseorderscheduleline": "purchasingdocument", "s4_salesorder": "salesorder",
    "s4_salesorderitem": "salesorder", "s4_salesorderscheduleline": "salesorder",
    "s4_salesorderitemprelement": "salesorder",
}  # fmt: skip
_EFFECTS: Final = """
    SELECT i.purchaseorder || '/' || i.purchaseorderitem,
           concat_ws(' ', i.orderquantity, i.netpriceamount, i.purchasingdocumentdeletioncode)
      FROM s4_purchaseorderitem i WHERE i.purchaseorder = ANY(%(bought)s)
     UNION ALL
    SELECT p.purchaseorder || '/00010', concat_ws(' ', p.supplier, p.correspncinternalreference)
      FROM s4_purchaseorder p WHERE NOT p.purchaseorder = ANY(%(before)s)
     UNION ALL
    SELECT i.salesorder || '/' || i.salesorderitem,
           concat_ws(' ', max(s.requesteddeliverydate), max(i.netamount), max(c.conditionratevalue))
      FROM s4_salesorderitem i
      JOIN s4_salesorderscheduleline s USING (salesorder, salesorderitem)
      JOIN s4_salesorderitemprelement c USING (salesorder, salesorderitem)
     WHERE i.salesorder = ANY(%(sold)s) GROUP BY i.salesorder, i.salesorderitem"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """An open line of a purchase order; some come in several parts, of the others nothing has come."""

    order: str
    item: str
    material: str
    plant: str
    unit: str
    supplier: str
    currency: str
    is_in_parts: bool

    @property
    def key(self) -> str:
        return f"{self.order}/{self.item}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """An open line of a sales order; some are confirmed for another day than was asked for."""

    order: str
    item: str
    is_moved: bool

    @property
    def key(self) -> str:
        return f"{self.order}/{self.item}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """From whom a material is bought, and for what."""

    number: str
    material: str
    plant: str
    supplier: str
    unit: str
    price: Any


class Orders:
    """Reads and writes the rig's tables beside its services; `restore` puts back what changed since the beginning."""

    def __init__(self, cap: Cap) -> None:
        self.cap = cap
        self._sql = psycopg.connect(cap.database_url, user=cap.owner, password=cap.owner_password, autocommit=True)
        found = [Bought(**dict(zip(Bought.__slots__, row, strict=True))) for row in self._all(_BOUGHT)]
        self.whole = [one for one in found if not one.is_in_parts]
        self.in_parts = [one for one in found if one.is_in_parts]
        self.sold = [Sold(**dict(zip(Sold.__slots__, row, strict=True))) for row in self._all(_SOLD)]
        self._before = [str(row[0]) for row in self._all("SELECT purchaseorder FROM s4_purchaseorder")]
        self.sources = [Source(**dict(zip(Source.__slots__, row, strict=True))) for row in self._all(_SOURCES)]
        bought, sold = sorted({one.order for one in found}), sorted({one.order for one in self.sold})
        self._named = {"bought": bought, "sold": sold, "before": self._before}
        named = {"salesorder": sold, "purchasinginforecord": [one.number for one in self.sources]}
        self._orders = {name: named.get(key, bought) for name, key in _TABLES.items()}
        self._kept = {table: self._rows(table) for table in _TABLES}

    def effects(self) -> dict[str, str]:
        """Return what is bought, made and sold, by source key."""
        return {str(key): str(text) for key, text in self._sql.execute(_EFFECTS, self._named).fetchall()}

    def made(self, reference: str) -> list[dict[str, Any]]:
        """Return the items of the orders that bear our reference, each with its header and its day."""
        return self._dicts(
            "SELECT * FROM s4_purchaseorder p JOIN s4_purchaseorderitem i USING (purchaseorder)"
            " JOIN s4_purchaseorderscheduleline s ON s.purchasingdocument = purchaseorder"
            " AND s.purchasingdocumentitem = i.purchaseorderitem"
            " WHERE p.correspncinternalreference = %s ORDER BY i.purchaseorderitem",
            (reference,),
        )

    def reference(self, key: str) -> str:
        """Return the reference of ours that an order bears."""
        statement = "SELECT correspncinternalreference FROM s4_purchaseorder WHERE purchaseorder = %s"
        row = self._sql.execute(statement, (key.partition("/")[0],)).fetchone()
        return str(row[0]) if row else ""

    def line(self, one: Bought) -> dict[str, Any]:
        """Return a line with its header and its schedule line."""
        (row,) = self._dicts(
            "SELECT i.orderquantity, i.netpriceamount, i.purchasingdocumentdeletioncode, p.releaseisnotcompleted,"
            " s.schedulelineorderquantity, s.schedlinestscdeliverydate FROM s4_purchaseorderitem i"
            " JOIN s4_purchaseorder p USING (purchaseorder) JOIN s4_purchaseorderscheduleline s"
            " ON s.purchasingdocument = purchaseorder AND s.purchasingdocumentitem = i.purchaseorderitem"
            " WHERE purchaseorder = %s AND i.purchaseorderitem = %s",
            (one.order, one.item),
        )
        return row

    def schedule(self, one: Sold) -> list[dict[str, Any]]:
        """Return the schedule lines of a sales order line."""
        return self._dicts(
            "SELECT * FROM s4_salesorderscheduleline WHERE salesorder = %s AND salesorderitem = %s ORDER BY 3",
            (one.order, one.item),
        )

    def by_hand(self, key: str) -> None:
        """Change a line as a person does, so that its version is another one."""
        order, _, item = key.partition("/")
        later = "lastchangedatetime = lastchangedatetime + interval '1 hour'"
        self._sql.execute(
            f"UPDATE s4_purchaseorderitem SET orderquantity = orderquantity + 1000, {later}"
            " WHERE purchaseorder = %s AND purchaseorderitem = %s",
            (order, item),
        )
        self._sql.execute(
            f"UPDATE s4_salesorderscheduleline SET requesteddeliverydate = requesteddeliverydate + 1, {later}"
            " WHERE salesorder = %s AND salesorderitem = %s",
            (order, item),
        )
        self._sql.execute(
            f"UPDATE s4_salesorderitemprelement SET {later} WHERE salesorder = %s AND salesorderitem = %s",
            (order, item),
        )

    def prolong(self) -> None:
        """Let the sources be valid for as long as anybody may run this."""
        numbers = [one.number for one in self.sources]
        self._sql.execute(
            "UPDATE s4_purginforecdorgplantdata SET pricevalidityenddate = '2999-12-31'"
            " WHERE purchasinginforecord = ANY(%s)",
            (numbers,),
        )

    def receive(self, one: Bought) -> None:
        """Let a part of a line come."""
        self._sql.execute(
            "UPDATE s4_purchaseorderscheduleline SET roughgoodsreceiptqty = 1"
            " WHERE purchasingdocument = %s AND purchasingdocumentitem = %s",
            (one.order, one.item),
        )

    def price(self, one: Sold) -> tuple[Any, Any, Any]:
        """Return the price of a sales order line, its value, and that of the order."""
        statement = (
            "SELECT c.conditionratevalue, i.netamount, o.totalnetamount FROM s4_salesorderitem i"
            " JOIN s4_salesorderitemprelement c USING (salesorder, salesorderitem) JOIN s4_salesorder o"
            " USING (salesorder) WHERE salesorder = %s AND salesorderitem = %s"
        )
        row = self._sql.execute(statement, (one.order, one.item)).fetchone()
        assert row is not None
        return row[0], row[1], row[2]

    def split(self, one: Sold) -> None:
        """Let the customer have asked for a line in two parts."""
        self._sql.execute(
            "UPDATE s4_salesorderscheduleline SET schedulelineorderquantity = schedulelineorderquantity - 1"
            " WHERE salesorder = %s AND salesorderitem = %s AND scheduleline = '0001'",
            (one.order, one.item),
        )

    def restore(self) -> None:
        """Take away what was made, and put back what was there."""
        for table, key in _TABLES.items():
            orders = self._orders[table]
            name, column = sql.Identifier(table), sql.Identifier(key)
            self._sql.execute(sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(name, column), (orders,))
            if table in _MADE:
                gone = sql.SQL("DELETE FROM {} WHERE NOT {} = ANY(%s)").format(name, column)
                self._sql.execute(gone, (self._before,))
            self._put(table, self._kept[table])

    def close(self) -> None:
        """Put everything back and let go."""
        self.restore()
        self._sql.close()

    def _put(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
        with self._sql.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))

    def _rows(self, table: str) -> list[dict[str, Any]]:
        statement = f"SELECT * FROM {table} WHERE {_TABLES[table]} = ANY(%s)"
        return self._dicts(statement, (self._orders[table],))

    def _dicts(self, statement: str, parameters: tuple[Any, ...]) -> list[dict[str, Any]]:
        with self._sql.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def _all(self, statement: str) -> list[Any]:
        return self._sql.execute(statement).fetchall()


@contextlib.contextmanager
def ordering(cap: Cap) -> Iterator[Orders]:
    """Yield somebody who orders, and put everything back."""
    orders = Orders(cap)
    try:
        yield orders
    finally:
        orders.close()
