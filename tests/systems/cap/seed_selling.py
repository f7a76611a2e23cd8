"""Order to cash: customers, sales orders, deliveries and invoices as S/4HANA has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from tests.systems.cap.seed_values import Native, Plant, Row, local_date, local_time, unit

_PROCESS: Final = {"OPEN": "A", "CLSD": "C", "CANC": "C"}
_CREDIT: Final = {"OK": "A", "BLK": "B"}
_RATE: Final = Decimal("0.000000001")
_REJECTED: Final = "60"
_REASONS: Final = {"DAMAGED": "001", "DEFECT": "002", "WRONG_ITEM": "003", "EXCESS": "004"}


def tables(plant: Plant) -> Iterator[tuple[str, Iterable[Row]]]:
    """Yield table and rows."""
    yield (
        "businesspartner",
        [*map(_customer_partner, plant.rows("customer")), *map(_supplier_partner, plant.rows("vendor"))],
    )
    yield (
        "businesspartneraddress",
        [
            {"BusinessPartner": row[0], "AddressID": f"A{row[0]}", "Country": row["country"]}
            for table in ("customer", "vendor")
            for row in plant.rows(table)
        ],
    )
    yield "customer", map(_customer, plant.rows("customer"))
    yield "customersalesarea", map(_sales_area, plant.rows("customer"))
    yield "salesorder", map(_order, plant.select(_ORDERS))
    yield "salesordertext", (_text(row) for row in plant.rows("so_head") if row["memo"])
    yield "salesorderitem", map(_item, plant.rows("so_item"))
    yield "salesorderscheduleline", (line for row in plant.rows("so_item") for line in _schedule(row))
    yield "salesorderitemprelement", map(_price, plant.rows("so_item"))
    yield "outbdeliveryheader", map(_delivery, plant.select(_DELIVERIES))
    yield "outbdeliveryitem", map(_delivery_item, plant.rows("dlv_item"))
    yield "outbdeliverypartner", map(_carrier, plant.select(_DELIVERIES))
    yield "outbdeliveryaddress", map(_carrier_address, plant.select(_DELIVERIES))
    yield (
        "billingdocument",
        map(_invoice, plant.select("SELECT *, max(changed_at) AS at FROM bill_item GROUP BY bill_no")),
    )
    yield "billingdocumentitem", map(_invoice_item, plant.rows("bill_item"))
    yield "customerreturn", map(_return, plant.select("SELECT * FROM rma_item GROUP BY rma_no ORDER BY 1"))
    yield "customerreturnitem", map(_returned_item, plant.rows("rma_item"))


# A header's change date covers its items, as in S/4HANA.
_ORDERS: Final = """
SELECT h.*, max(h.changed_at, (SELECT max(i.changed_at) FROM so_item i WHERE i.so_no = h.so_no)) AS at,
       (SELECT max(CAST(i.qty_dlv AS REAL)) FROM so_item i WHERE i.so_no = h.so_no) AS delivered,
       (SELECT min(i.req_date) FROM so_item i WHERE i.so_no = h.so_no) AS wanted
  FROM so_head h ORDER BY so_no
"""
_DELIVERIES: Final = """
SELECT d.*, max(d.changed_at) AS at, h.cust_no FROM dlv_item d JOIN so_head h USING (so_no) GROUP BY dlv_no
"""


def _customer_partner(row: Native) -> Row:
    return _partner(row["cust_no"], row["name1"], row["changed_at"], customer=row["cust_no"])


def _supplier_partner(row: Native) -> Row:
    return _partner(row["vendor_no"], row["name1"], row["changed_at"], supplier=row["vendor_no"])


def _partner(number: str, name: str, changed: str, *, customer: str = "", supplier: str = "") -> Row:
    return {
        "BusinessPartner": number, "Customer": customer, "Supplier": supplier, "BusinessPartnerFullName": name,
        "LastChangeDate": local_date(changed), "LastChangeTime": local_time(changed),
    }  # fmt: skip


def _customer(row: Native) -> Row:
    blocked = "01" if row["credit_flag"] == "BLK" else ""
    return {"Customer": row["cust_no"], "CustomerName": row["name1"], "OrderIsBlockedForCustomer": blocked}


def _sales_area(row: Native) -> Row:
    return {
        "Customer": row["cust_no"], "SalesOrganization": "1000", "DistributionChannel": "10", "Division": "00",
        "CustomerABCClassification": row["abc_class"],
    }  # fmt: skip


def _order(row: Native) -> Row:
    part = bool(row["delivered"])
    process = "B" if row["stat"] == "OPEN" and part else _PROCESS[row["stat"]]
    return {
        "SalesOrder": row["so_no"], "SalesOrganization": row["company"], "BillingCompanyCode": row["company"],
        "SoldToParty": row["cust_no"], "PurchaseOrderByCustomer": row["cust_po"], "SalesOrderDate": row["ordered_on"],
        "RequestedDeliveryDate": row["wanted"], "IncotermsClassification": row["incoterm"],
        "TotalNetAmount": row["net_value"], "TransactionCurrency": row["curr"],
        "TotalCreditCheckStatus": _CREDIT[row["credit_flag"]], "DeliveryBlockReason": row["dlv_block"] or "",
        "OverallSDProcessStatus": process,
        "OverallDeliveryStatus": "C" if row["stat"] == "CLSD" else "B" if part else "A",
        "OverallSDDocumentRejectionSts": "C" if row["stat"] == "CANC" else "A", "LastChangeDateTime": row["at"],
    }  # fmt: skip


def _text(row: Native) -> Row:
    return {"SalesOrder": row["so_no"], "Language": "EN", "LongTextID": "TX01", "LongText": row["memo"]}


def _item(row: Native) -> Row:
    part = float(row["qty_dlv"]) > 0
    process = "B" if row["stat"] == "OPEN" and part else _PROCESS[row["stat"]]
    return {
        "SalesOrder": row["so_no"], "SalesOrderItem": row["item_no"], "Material": row["mat_no"],
        "ProductionPlant": row["plant"], "RequestedQuantity": row["qty_ord"], "RequestedQuantityUnit": unit(row["uom"]),
        "NetAmount": row["net_value"], "TransactionCurrency": row["curr"], "SDProcessStatus": process,
        "DeliveryStatus": "C" if row["stat"] == "CLSD" else "B" if part else "A",
        "SalesDocumentRjcnReason": _REJECTED if row["stat"] == "CANC" else "",
    }  # fmt: skip


def _schedule(row: Native) -> Iterator[Row]:
    """Yield the line wanted and, where the promise is another day, the line that is confirmed for it."""
    moved = row["conf_date"] != row["req_date"]
    yield _line(row, "0001", ordered=row["qty_ord"], day=row["req_date"],
                confirmed="0" if moved else row["qty_conf"], delivered="0" if moved else row["qty_dlv"])  # fmt: skip
    if moved:
        yield _line(row, "0002", ordered="0", day=row["conf_date"],
                    confirmed=row["qty_conf"], delivered=row["qty_dlv"])  # fmt: skip


def _line(row: Native, number: str, *, ordered: str, day: str, confirmed: str, delivered: str) -> Row:
    return {
        "SalesOrder": row["so_no"], "SalesOrderItem": row["item_no"], "ScheduleLine": number,
        "RequestedDeliveryDate": row["req_date"], "ConfirmedDeliveryDate": day, "OrderQuantityUnit": unit(row["uom"]),
        "ScheduleLineOrderQuantity": ordered, "ConfdOrderQtyByMatlAvailCheck": confirmed,
        "DeliveredQtyInOrderQtyUnit": delivered,
    }  # fmt: skip


def _price(row: Native) -> Row:
    """One price per unit; what it comes to is the value of the item."""
    price = (Decimal(row["net_value"]) / Decimal(row["qty_ord"])).quantize(_RATE)
    return {
        "SalesOrder": row["so_no"], "SalesOrderItem": row["item_no"], "PricingProcedureStep": "010",
        "PricingProcedureCounter": "001", "ConditionType": "PPR0", "ConditionRateValue": str(price),
        "ConditionCurrency": row["curr"], "ConditionQuantity": 1,
    }  # fmt: skip


def _delivery(row: Native) -> Row:
    return {
        "DeliveryDocument": row["dlv_no"], "ShipToParty": row["cust_no"], "PlannedGoodsIssueDate": row["gi_plan"],
        "ActualGoodsMovementDate": row["gi_act"], "PickingDate": local_date(row["picked_at"]),
        "PickingTime": local_time(row["picked_at"]), "OverallPickingStatus": row["pick_stat"],
        "OverallGoodsMovementStatus": "C" if row["gi_act"] else "A",
        "OverallProofOfDeliveryStatus": "C" if row["pod"] else "A", "ProofOfDeliveryDate": row["pod_on"],
        "BillOfLading": row["track_no"],
        "LastChangeDate": local_date(row["at"]),
    }  # fmt: skip


def _delivery_item(row: Native) -> Row:
    return {
        "DeliveryDocument": row["dlv_no"], "DeliveryDocumentItem": row["item_no"], "Material": row["mat_no"],
        "Batch": row["lot_no"], "Plant": row["plant"], "ActualDeliveryQuantity": row["qty"],
        "DeliveryQuantityUnit": unit(row["uom"]), "ReferenceSDDocument": row["so_no"],
        "ReferenceSDDocumentItem": row["so_item"], "PickingStatus": row["pick_stat"],
        "GoodsMovementStatus": "C" if row["gi_act"] else "A",
    }  # fmt: skip


def _carrier(row: Native) -> Row:
    return {"SDDocument": row["dlv_no"], "PartnerFunction": "SP", "AddressID": row["dlv_no"]}


def _carrier_address(row: Native) -> Row:
    return {"AddressID": row["dlv_no"], "BusinessPartnerName1": row["carrier"]}


def _invoice(row: Native) -> Row:
    return {
        "BillingDocument": row["bill_no"], "BillingDocumentDate": row["billed_on"], "TransactionCurrency": row["curr"],
        "LastChangeDateTime": row["at"],
    }  # fmt: skip


def _invoice_item(row: Native) -> Row:
    return {
        "BillingDocument": row["bill_no"], "BillingDocumentItem": row["item_no"], "Plant": row["plant"],
        "SalesDocument": row["so_no"], "SalesDocumentItem": row["so_item"], "NetAmount": row["amount"],
        "TransactionCurrency": row["curr"],
    }  # fmt: skip


def _return(row: Native) -> Row:
    return {
        "CustomerReturn": row["rma_no"], "SoldToParty": row["cust_no"], "CustomerReturnDate": row["created_on"],
        "OverallSDProcessStatus": "C" if row["stat"] == "CLSD" else "B" if row["stat"] == "RECV" else "A",
    }  # fmt: skip


def _returned_item(row: Native) -> Row:
    return {
        "CustomerReturn": row["rma_no"], "CustomerReturnItem": row["item_no"], "Material": row["mat_no"],
        "RequestedQuantity": row["qty"], "RequestedQuantityUnit": unit(row["uom"]), "Batch": row["lot_no"] or "",
        "ProductionPlant": row["plant"], "ReferenceSDDocument": row["so_no"] or "",
        "ReferenceSDDocumentItem": row["so_item"] or "", "ReturnReason": _REASONS[row["reason"]],
        "ReturnsMaterialHasBeenReceived": "" if row["stat"] == "OPEN" else "X",
    }  # fmt: skip
