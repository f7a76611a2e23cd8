"""Procure to pay: suppliers, purchase orders, receipts, confirmations, requisitions and sources as S/4HANA has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from tests.systems.cap.seed_values import Native, Plant, Row, local_date, local_time, unit

_RELEASED, _IN_RELEASE = "05", "03"
_FIRST_CONFIRMATION: Final = 1
_FIRST_RECORD: Final = 5_300_000_001

# A header's change date covers its items, as in S/4HANA.
_ORDERS: Final = """
SELECT h.*, max(h.changed_at, (SELECT max(i.changed_at) FROM po_item i WHERE i.po_no = h.po_no)) AS at,
       (SELECT min(i.release_ind) FROM po_item i WHERE i.po_no = h.po_no) AS released
  FROM po_head h ORDER BY po_no
"""
_SCHEDULED: Final = """
SELECT i.*, p.qty AS part, p.promise AS part_promise
  FROM po_item i LEFT JOIN po_part p ON p.po_no = i.po_no AND p.item_no = i.item_no ORDER BY i.po_no, i.item_no
"""
_COMPANIES: Final = """
SELECT v.vendor_no, c.company, v.pay_terms FROM vendor v JOIN (SELECT DISTINCT company FROM po_head) c ORDER BY 1, 2
"""
_ORIGIN: Final = {"MRP": "B", "USER": "R", "GATE": "R"}
_PARKED, _POSTED = "A", "5"


def tables(plant: Plant) -> Iterator[tuple[str, Iterable[Row]]]:
    """Yield table and rows."""
    yield "supplier", map(_supplier, plant.rows("vendor"))
    yield "suppliercompany", map(_company, plant.select(_COMPANIES))
    yield "purchaseorder", map(_order, plant.select(_ORDERS))
    yield "purchaseorderitem", map(_item, plant.rows("po_item"))
    yield "purchaseorderscheduleline", (line for row in plant.select(_SCHEDULED) for line in _schedule(row))
    yield "purchaseorderitemnote", (_note(row) for row in plant.rows("po_item") if row["memo"])
    promises = list(enumerate(plant.rows("po_conf", "1, 2, 3"), _FIRST_CONFIRMATION))
    yield "supplierconfirmation", (_confirmation(f"{number:010d}", row) for number, row in promises)
    yield "supplierconfirmationitem", (_confirmed_item(f"{number:010d}", row) for number, row in promises)
    yield "supplierconfirmationline", (_confirmed_line(f"{number:010d}", row) for number, row in promises)
    yield (
        "purchaserequisitionheader",
        (
            {"PurchaseRequisition": row["pr_no"]}
            for row in plant.select("SELECT DISTINCT pr_no FROM pr_item ORDER BY 1")
        ),
    )
    yield "purchaserequisitionitem", map(_requisition, plant.rows("pr_item"))
    yield "supplierinvoice", map(_invoice, plant.select("SELECT * FROM vend_inv GROUP BY inv_no ORDER BY 1"))
    yield "suplrinvcitempurordref", map(_invoiced_item, plant.rows("vend_inv"))
    sources = list(enumerate(plant.rows("source_list", "1, 2, 3"), _FIRST_RECORD))
    yield "purchasinginforecord", (_record(str(number), row) for number, row in sources)
    yield "purginforecdorgplantdata", (_record_of_plant(str(number), row) for number, row in sources)
    yield "purchasingsource", (_source(row) for _, row in sources)


def _supplier(row: Native) -> Row:
    return {
        "Supplier": row["vendor_no"], "SupplierName": row["name1"], "TaxNumber1": row["tax_no"],
        "PurchasingIsBlocked": bool(row["purch_block"]),
    }  # fmt: skip


def _order(row: Native) -> Row:
    waiting = row["released"] == "W"
    return {
        "PurchaseOrder": row["po_no"], "CompanyCode": row["company"], "PurchasingOrganization": row["plant"],
        "Supplier": row["vendor_no"], "PurchaseOrderDate": row["ordered_on"], "CreationDate": row["ordered_on"],
        "DocumentCurrency": row["curr"], "PurchasingProcessingStatus": _IN_RELEASE if waiting else _RELEASED,
        "ReleaseIsNotCompleted": waiting, "LastChangeDateTime": row["at"],
    }  # fmt: skip


def _item(row: Native) -> Row:
    return {
        "PurchaseOrder": row["po_no"], "PurchaseOrderItem": row["item_no"],
        "PurchasingDocumentDeletionCode": "L" if row["stat"] == "CANC" else "", "Material": row["mat_no"],
        "Plant": row["plant"], "OrderQuantity": row["qty_ord"], "PurchaseOrderQuantityUnit": unit(row["uom"]),
        "NetPriceAmount": row["price"], "NetPriceQuantity": row["price_per"], "DocumentCurrency": row["curr"],
        "IsCompletelyDelivered": row["stat"] == "CLSD",
        "PurgDocOrderAcknNumber": f"AB-{row['po_no']}" if row["conf_flag"] else "",
    }  # fmt: skip


def _schedule(row: Native) -> Iterator[Row]:
    """One date, or that of a part and that of the rest; what came is of the earlier one first, too much of the last."""
    ordered, came = Decimal(row["qty_ord"]), Decimal(row["qty_recv"])
    dates = [(row["promise"], ordered)]
    if row["part"] is not None:
        part = Decimal(row["part"])
        dates = [(row["part_promise"], part), (row["promise"], ordered - part)]
    for place, (day, qty) in enumerate(dates, 1):
        received = came if place == len(dates) else min(came, qty)
        came -= received
        yield {
            "PurchasingDocument": row["po_no"], "PurchasingDocumentItem": row["item_no"],
            "ScheduleLine": f"{place:04d}", "ScheduleLineDeliveryDate": day,
            "SchedLineStscDeliveryDate": row["first_promise"], "ScheduleLineOrderQuantity": str(qty),
            "RoughGoodsReceiptQty": str(received),
            "PurchaseOrderQuantityUnit": unit(row["uom"]), "LastChangeDateTime": row["changed_at"],
        }  # fmt: skip


def _note(row: Native) -> Row:
    return {
        "PurchaseOrder": row["po_no"], "PurchaseOrderItem": row["item_no"], "TextObjectType": "F01", "Language": "EN",
        "PlainLongText": row["memo"],
    }  # fmt: skip


def _company(row: Native) -> Row:
    return {"Supplier": row["vendor_no"], "CompanyCode": row["company"], "PaymentTerms": row["pay_terms"][:4]}


def _invoice(row: Native) -> Row:
    return {
        **_invoice_key(row), "CompanyCode": row["plant"], "PostingDate": row["posted_on"],
        "InvoicingParty": row["vendor_no"], "SupplierInvoiceIDByInvcgParty": row["ext_ref"],
        "DocumentCurrency": row["curr"], "SupplierInvoiceStatus": _PARKED if row["stat"] == "PARK" else _POSTED,
    }  # fmt: skip


def _invoice_key(row: Native) -> Row:
    return {"SupplierInvoice": row["inv_no"], "FiscalYear": row["posted_on"][:4]}


def _invoiced_item(row: Native) -> Row:
    """What one costs is not kept there, only what was asked for how many."""
    return {
        **_invoice_key(row), "SupplierInvoiceItem": row["item_no"], "PurchaseOrder": row["po_no"],
        "PurchaseOrderItem": row["po_item"], "Plant": row["plant"], "DocumentCurrency": row["curr"],
        "SupplierInvoiceItemAmount": row["amount"], "PurchaseOrderQuantityUnit": unit(row["uom"]),
        "QuantityInPurchaseOrderUnit": row["qty"], "PurchaseOrderPriceUnit": unit(row["uom"]),
        "QtyInPurchaseOrderPriceUnit": row["qty"],
    }  # fmt: skip


def _confirmation(number: str, row: Native) -> Row:
    return {
        "SupplierConfirmation": number, "SuplrConfRefPurchaseOrder": row["po_no"],
        "CreationDate": local_date(row["conf_at"]), "CreationTime": local_time(row["conf_at"]),
    }  # fmt: skip


def _confirmed_item(number: str, row: Native) -> Row:
    return {
        "SupplierConfirmation": number, "SupplierConfirmationItem": "00010",
        "SuplrConfRefPurchaseOrder": row["po_no"], "SuplrConfRefPurchaseOrderItem": row["item_no"],
        "SuplrConfItemExternalReference": row["reason"] or "",
    }  # fmt: skip


def _confirmed_line(number: str, row: Native) -> Row:
    return {
        "SupplierConfirmation": number, "SupplierConfirmationItem": "00010", "SupplierConfirmationLine": "0001",
        "SequentialNmbrOfSuplrConf": f"{row['seq']:04d}", "DeliveryDate": row["promise"],
        "ConfirmedQuantity": row["qty"], "PurchaseOrderQuantityUnit": unit(row["uom"]), "Plant": row["plant"],
    }  # fmt: skip


def _requisition(row: Native) -> Row:
    waiting = row["release_ind"] == "W"
    return {
        "PurchaseRequisition": row["pr_no"], "PurchaseRequisitionItem": row["item_no"], "Material": row["mat_no"],
        "Plant": row["plant"], "RequestedQuantity": row["qty"], "BaseUnit": unit(row["uom"]),
        "OrderedQuantity": row["qty"] if row["stat"] == "CONV" else "0", "DeliveryDate": row["dlv_date"],
        "PurReqCreationDate": local_date(row["created_at"]),
        "PurReqnReleaseStatus": _IN_RELEASE if waiting else _RELEASED, "ReleaseIsNotCompleted": waiting,
        "ProcessingStatus": "B" if row["stat"] == "CONV" else "N", "IsClosed": row["stat"] == "CLSD",
        "FixedSupplier": row["vendor_no"] or "", "PurReqnOrigin": _ORIGIN[row["origin"]],
        "PurReqnExternalReference": f"DEMO-{row['pr_no']}" if row["origin"] == "GATE" else "",
        "LastChangeDateTime": row["changed_at"],
    }  # fmt: skip


def _record(number: str, row: Native) -> Row:
    return {
        "PurchasingInfoRecord": number, "Supplier": row["vendor_no"], "Material": row["mat_no"],
        "PurgDocOrderQuantityUnit": unit(row["uom"]),
    }  # fmt: skip


def _record_of_plant(number: str, row: Native) -> Row:
    return {
        "PurchasingInfoRecord": number, "PurchasingOrganization": row["plant"], "Plant": row["plant"],
        "Supplier": row["vendor_no"], "Material": row["mat_no"], "NetPriceAmount": row["price"],
        "MaterialPriceUnitQty": row["price_per"], "PurchaseOrderPriceUnit": unit(row["uom"]), "Currency": row["curr"],
        "MinimumPurchaseOrderQuantity": row["min_qty"], "MaterialPlannedDeliveryDurn": row["lead_days"],
        "PriceValidityEndDate": row["valid_to"], "IsMarkedForDeletion": bool(row["blocked"]), "YY1_Rank": row["prio"],
    }  # fmt: skip


def _source(row: Native) -> Row:
    return {
        "Material": row["mat_no"], "Plant": row["plant"], "SourceListRecord": f"{row['prio']:05d}",
        "Supplier": row["vendor_no"], "PurchasingOrganization": row["plant"], "ValidityEndDate": row["valid_to"],
        "SourceOfSupplyIsBlocked": bool(row["blocked"]),
    }  # fmt: skip
