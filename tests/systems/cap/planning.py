"""A planner at the rig: looks at orders, reservations and notifications by SQL, and changes them by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from tests.systems.cap.server import Cap

_ORDERS: Final = """
    SELECT p.manufacturingorder FROM s4_productionorder p
     WHERE (p.orderiscreated OR p.orderisreleased) AND NOT p.orderispartiallyconfirmed AND NOT p.orderisconfirmed
       AND NOT p.orderislocked AND NOT p.orderistechnicallycompleted AND NOT p.orderismarkedfordeletion
       AND NOT EXISTS (SELECT 1 FROM s4_productionordercomponent c
                        WHERE c.manufacturingorder = p.manufacturingorder AND c.withdrawnquantity > 0)
     ORDER BY 1 LIMIT 24"""
_RESERVATIONS: Final = """
    SELECT i.reservation, i.reservationitem, i.resvnitmrequiredqtyinbaseunit::text, i.baseunit
      FROM s4_reservationdocumentitem i
     WHERE NOT i.reservationitmismarkedfordeltn AND NOT i.reservationitemisfinallyissued
       AND i.resvnitmrequiredqtyinbaseunit > 1
     ORDER BY 1, 2 LIMIT 32"""
_NEEDS: Final = """
    SELECT 'production_order' AS kind, c.manufacturingorder AS number, c.billofmaterialitemnumber AS line,
           c.material, c.plant, c.baseunit AS unit, b.batch
      FROM s4_productionordercomponent c
      JOIN s4_productionorder p ON p.manufacturingorder = c.manufacturingorder
      JOIN s4_batch b ON b.material = c.material AND b.batchidentifyingplant = c.plant
     WHERE NOT c.reservationisfinallyissued AND NOT p.orderistechnicallycompleted AND NOT p.orderismarkedfordeletion
       AND NOT b.matlbatchisinrstrcdusestock AND NOT b.batchismarkedfordeletion
     ORDER BY 2, 3, 7 LIMIT 1"""
_SOLD: Final = """
    SELECT 'sales_order', i.salesorder, i.salesorderitem, i.material, i.productionplant, i.requestedquantityunit,
           b.batch
      FROM s4_salesorderitem i
      JOIN s4_batch b ON b.material = i.material AND b.batchidentifyingplant = i.productionplant
     WHERE i.sdprocessstatus <> 'C' AND i.salesdocumentrjcnreason = ''
       AND NOT b.matlbatchisinrstrcdusestock AND NOT b.batchismarkedfordeletion
     ORDER BY 2, 3, 7 LIMIT 1"""
_PLANNED: Final = "SELECT plannedorder FROM s4_plannedorder ORDER BY 1 LIMIT 24"
_TO_DELIVER: Final = """
    SELECT i.salesorder, i.salesorderitem, i.requestedquantityunit FROM s4_salesorderitem i
      JOIN s4_salesorder h USING (salesorder)
     WHERE i.salesdocumentrjcnreason = '' AND i.sdprocessstatus = 'A' AND h.overallsdprocessstatus = 'A'
       AND h.totalcreditcheckstatus = 'A' AND h.deliveryblockreason = '' AND i.requestedquantity >= 20
       AND NOT EXISTS (SELECT 1 FROM s4_outbdeliveryitem d WHERE d.referencesddocument = i.salesorder)
     ORDER BY 1, 2 LIMIT 8"""
_FREED: Final = """
    SELECT i.reservation, i.reservationitem, i.resvnitmrequiredqtyinbaseunit::text, i.baseunit
      FROM s4_reservationdocumentitem i
      JOIN s4_reservationdocumentheader h ON h.reservation = i.reservation
      JOIN s4_productionorder p ON p.manufacturingorder = h.orderid
      JOIN s4_productionordercomponent c ON c.manufacturingorder = h.orderid
       AND c.billofmaterialitemnumber = i.reservationitem AND c.material = i.product AND c.plant = i.plant
      JOIN s4_batch b ON b.material = i.product AND b.batchidentifyingplant = i.plant AND b.batch = i.batch
      JOIN s4_product m ON m.product = i.product
      JOIN s4_productsupplyplanning s ON s.product = i.product AND s.plant = i.plant
     WHERE b.shelflifeexpirationdate IS NULL AND NOT b.matlbatchisinrstrcdusestock AND s.safetystockquantity = 0
       AND m.crossplantstatus = '' AND c.requiredquantity - c.withdrawnquantity >= i.resvnitmrequiredqtyinbaseunit
       AND i.resvnitmrequiredqtyinbaseunit > 4 AND i.product NOT IN
           (SELECT n.material FROM s4_qualitynotification n)
       AND (SELECT count(*) FROM s4_reservationdocumentitem o WHERE o.product = i.product AND o.plant = i.plant
               AND o.batch = i.batch) = 1
     ORDER BY 1, 2 LIMIT 4"""
# What is put back as it was, and by which column it is known which rows were made since.
_KEPT: Final = {
    "s4_productionorder": ("manufacturingorder",),
    "s4_productionorderoperation": ("orderinternalbillofoperations", "orderintbillofoperationsitem"),
    "s4_productionordercomponent": ("reservation", "reservationitem"),
    "s4_reservationdocumentheader": ("reservation",),
    "s4_reservationdocumentitem": ("reservation", "reservationitem", "recordtype"),
    "s4_plannedorder": ("plannedorder",),
    "s4_outbdeliveryheader": ("deliverydocument",),
    "s4_outbdeliveryitem": ("deliverydocument", "deliverydocumentitem"),
    "s4_qualitynotification": ("qualitynotification",),
    "s4_qualitynotificationlongtext": ("qualitynotification", "language"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """An item of a reservation of which nothing was withdrawn."""

    number: str
    item: str
    qty: str
    unit: str

    @property
    def key(self) -> str:
        return f"{self.number}/{self.item}/"


@dataclass(frozen=True, slots=True)
class Need:
    """A line of an order that needs a material, of which a batch may be used."""

    kind: str
    number: str
    line: str
    material: str
    plant: str
    unit: str
    batch: str


class Planner:
    """Reads and writes the rig's tables, beside its services; what was changed or made is put back by `restore`."""

    def __init__(self, cap: Cap) -> None:
        self.cap = cap
        self._sql = psycopg.connect(cap.database_url, user=cap.owner, password=cap.owner_password, autocommit=True)
        for table in _KEPT:
            self._run("CREATE TEMP TABLE {} AS SELECT * FROM {}", _copy(table), table)
        self.orders = [str(row[0]) for row in self._all(_ORDERS)]
        self.held = [Held(*row) for row in self._all(_RESERVATIONS)]
        self.planned = [str(row[0]) for row in self._all(_PLANNED)]
        self.sold = [(str(order), str(line), str(unit)) for order, line, unit in self._all(_TO_DELIVER)]
        self.freed = [Held(*row) for row in self._all(_FREED)]
        self.needs = [Need(*row) for query in (_NEEDS, _SOLD) for row in self._all(query)]
        self.defect = str(self._all("SELECT min(qltynotifdefectcode) FROM s4_qualitynotification")[0][0])

    # --- What is there ------------------------------------------------------------------------------------------------

    def dates(self, order: str) -> str:
        """Return the basic dates of an order and those that it is scheduled for."""
        ((text,),) = self._all(
            "SELECT concat_ws(' ', mfgorderplannedstartdate, mfgorderplannedenddate, mfgorderscheduledstartdate,"
            " mfgorderscheduledenddate) FROM s4_productionorder WHERE manufacturingorder = %s",
            (order,),
        )
        return str(text)

    def below(self, order: str) -> tuple[str, str]:
        """Return when the first operation of an order begins, and when its first component is needed."""
        ((begin,),) = self._all(
            "SELECT min(operlstschedldexecstrtdte)::text FROM s4_productionorderoperation"
            " WHERE manufacturingorder = %s",
            (order,),
        )
        ((needed,),) = self._all(
            "SELECT min(matlcomprequirementdate)::text FROM s4_productionordercomponent WHERE manufacturingorder = %s",
            (order,),
        )
        return str(begin), str(needed)

    def reserved(self, reference: str) -> list[dict[str, Any]]:
        """Return the reservation items that bear a reference, with what their headers say."""
        return self._rows(
            "SELECT i.*, h.goodsmovementtype, h.orderid, h.salesorder, h.salesorderitem"
            " FROM s4_reservationdocumentitem i JOIN s4_reservationdocumentheader h USING (reservation)"
            " WHERE i.goodsrecipientname = %s",
            (reference,),
        )

    def item(self, held: Held) -> dict[str, Any]:
        """Return an item of a reservation as it is now."""
        statement = "SELECT * FROM s4_reservationdocumentitem WHERE reservation = %s AND reservationitem = %s"
        (row,) = self._rows(statement, (held.number, held.item))
        return row

    def reported(self, reference: str) -> list[dict[str, Any]]:
        """Return the notifications that bear a reference, with what they say at length."""
        return self._rows(
            "SELECT n.*, t.notificationlongtext FROM s4_qualitynotification n"
            " LEFT JOIN s4_qualitynotificationlongtext t USING (qualitynotification)"
            " WHERE n.yy1_externalreference = %s", (reference,)
        )  # fmt: skip

    def reference(self, key: str) -> str:
        """Return what an item of a reservation bears as our reference."""
        number, item, _ = key.split("/")
        return str(self.item(Held(number, item, "", ""))["goodsrecipientname"])

    def words(self, notification: str) -> tuple[str, bool]:
        """Return what a notification says at length, and whether it asks for a hold."""
        ((text, hold),) = self._all(
            "SELECT t.notificationlongtext, n.yy1_holdsbatch FROM s4_qualitynotification n"
            " JOIN s4_qualitynotificationlongtext t USING (qualitynotification) WHERE n.qualitynotification = %s",
            (notification,),
        )
        return str(text), bool(hold)

    def effects(self) -> dict[str, str]:
        """Return all that the operations write, by source key."""
        found = dict(self._all(
            "SELECT manufacturingorder,"
            " concat(mfgorderplannedstartdate, '/', mfgorderplannedenddate, lastchangedatetime) FROM s4_productionorder"
        ))  # fmt: skip
        found |= dict(self._all(
            "SELECT concat(reservation, '/', reservationitem, '/', recordtype),"
            " concat(resvnitmrequiredqtyinbaseunit, reservationitemisfinallyissued, lastchangedatetime)"
            " FROM s4_reservationdocumentitem"
        ))  # fmt: skip
        found |= dict(
            self._all("SELECT plannedorder, concat(plannedorderisfirm, lastchangedatetime) FROM s4_plannedorder")
        )
        found |= dict(self._all(
            "SELECT concat(deliverydocument, '/', deliverydocumentitem), actualdeliveryquantity::text"
            " FROM s4_outbdeliveryitem"
        ))  # fmt: skip
        return found | dict(self._all("SELECT qualitynotification, notificationtext FROM s4_qualitynotification"))

    # --- What a person does -------------------------------------------------------------------------------------------

    def touch_order(self, order: str) -> None:
        """Change a production order as a person does, so that the version is another one."""
        self._sql.execute(
            "UPDATE s4_productionorder SET lastchangedatetime = (lastchangedatetime::bigint + 1)::text"
            " WHERE manufacturingorder = %s",
            (order,),
        )

    def touch_planned(self, order: str) -> None:
        """Plan one more, by hand."""
        self._sql.execute(
            "UPDATE s4_plannedorder SET totalquantity = totalquantity + 1,"
            " lastchangedatetime = lastchangedatetime + interval '1 second' WHERE plannedorder = %s",
            (order,),
        )

    def loosen(self) -> None:
        """Let planning move all planned orders that were made firm here."""
        statement = "UPDATE s4_plannedorder SET plannedorderisfirm = false WHERE plannedorder = ANY(%s)"
        self._sql.execute(statement, (self.planned,))

    def is_firm(self, order: str) -> bool:
        """Say whether planning leaves a planned order alone."""
        ((firm,),) = self._all("SELECT plannedorderisfirm FROM s4_plannedorder WHERE plannedorder = %s", (order,))
        return bool(firm)

    def delivered(self, reference: str) -> list[dict[str, Any]]:
        """Return the items of the delivery that bears a reference, with what its header says."""
        return self._rows(
            "SELECT i.*, h.plannedgoodsissuedate, h.overallgoodsmovementstatus, h.actualgoodsmovementdate"
            " FROM s4_outbdeliveryitem i JOIN s4_outbdeliveryheader h USING (deliverydocument)"
            " WHERE h.deliverydocumentbysupplier = %s ORDER BY 1, 2",
            (reference,),
        )

    def postpone(self, order: str, start: str, finish: str) -> None:
        """Move a whole order to days that are not past, so that it may be rescheduled."""
        for table, columns in (
            ("s4_productionorder", ("mfgorderplannedstartdate", "mfgorderscheduledstartdate")),
            ("s4_productionorderoperation", ("operlstschedldexecstrtdte", "operlstschedldexecenddte")),
            ("s4_productionordercomponent", ("matlcomprequirementdate",)),
        ):
            for column in columns:
                self._sql.execute(f"UPDATE {table} SET {column} = %s WHERE manufacturingorder = %s", (start, order))
        self._sql.execute(
            "UPDATE s4_productionorder SET mfgorderplannedenddate = %s, mfgorderscheduledenddate = %s"
            " WHERE manufacturingorder = %s",
            (finish, finish, order),
        )

    def made_for(self, held: Held) -> Need:
        """Return the line that an item of a reservation is held for."""
        ((number, item, material, plant, unit, batch),) = self._all(
            "SELECT h.orderid, i.reservationitem, i.product, i.plant, i.baseunit, i.batch FROM"
            " s4_reservationdocumentitem i JOIN s4_reservationdocumentheader h USING (reservation)"
            " WHERE i.reservation = %s AND i.reservationitem = %s",
            (held.number, held.item),
        )
        return Need("production_order", number, item, material, plant, unit, batch)

    def touch_reservation(self, key: str) -> None:
        """Reserve one more, by hand."""
        number, item, _ = key.split("/")
        self._sql.execute(
            "UPDATE s4_reservationdocumentitem SET resvnitmrequiredqtyinbaseunit = resvnitmrequiredqtyinbaseunit + 1,"
            " resvnitmrequiredqtyinentryunit = resvnitmrequiredqtyinentryunit + 1,"
            " lastchangedatetime = lastchangedatetime + interval '1 second'"
            " WHERE reservation = %s AND reservationitem = %s",
            (number, item),
        )

    def withdraw(self, key: str) -> None:
        """Take a little out of what is reserved."""
        number, item, _ = key.split("/")
        self._sql.execute(
            "UPDATE s4_reservationdocumentitem SET resvnitmwithdrawnqtyinbaseunit = 0.5"
            " WHERE reservation = %s AND reservationitem = %s",
            (number, item),
        )

    def enter_in_another_unit(self, key: str) -> None:
        """Let an item be one that was entered in boxes of ten."""
        number, item, _ = key.split("/")
        self._sql.execute(
            "UPDATE s4_reservationdocumentitem SET entryunit = 'BOX',"
            " resvnitmrequiredqtyinentryunit = resvnitmrequiredqtyinbaseunit / 10"
            " WHERE reservation = %s AND reservationitem = %s",
            (number, item),
        )

    def restore(self) -> None:
        """Put everything back as it was, and take away what was made."""
        for table, keys in _KEPT.items():
            same = sql.SQL(" AND ").join(sql.SQL("a.{0} = b.{0}").format(sql.Identifier(key)) for key in keys)
            changed = sql.SQL("DELETE FROM {} a WHERE NOT EXISTS (SELECT 1 FROM {} b WHERE {} AND a = b)")
            self._sql.execute(changed.format(sql.Identifier(table), sql.Identifier(_copy(table)), same))
            back = sql.SQL("INSERT INTO {0} SELECT * FROM {1} b WHERE NOT EXISTS (SELECT 1 FROM {0} a WHERE {2})")
            self._sql.execute(back.format(sql.Identifier(table), sql.Identifier(_copy(table)), same))
        self._sql.close()

    def _run(self, statement: str, *names: str) -> None:
        self._sql.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))

    def _all(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        return self._sql.execute(statement, parameters).fetchall()

    def _rows(self, statement: str, parameters: tuple[Any, ...]) -> list[dict[str, Any]]:
        with self._sql.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(statement, parameters).fetchall()


def _copy(table: str) -> str:
    return f"before_{table}"


@contextlib.contextmanager
def planning(cap: Cap) -> Iterator[Planner]:
    """Yield a planner, and put everything back."""
    planner = Planner(cap)
    try:
        yield planner
    finally:
        planner.restore()
