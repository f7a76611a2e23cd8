"""Products, batches, stock and reservations as S/4HANA has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tests.systems.cap.seed_values import Native, Plant, Row, unit

_STATUS: Final = {"01": "", "02": "01", "03": "OB"}
_STOCK_TYPES: Final = {"F": "01", "Q": "02", "S": "07", "T": "06"}
_LOT_STATUS: Final = {"P": "PLANNED", "I": "IN PROCESS"}
_CHARACTERISTIC: Final = ("0000000101", "LOT_STATUS")


def tables(plant: Plant) -> Iterator[tuple[str, Iterable[Row]]]:
    """Yield table and rows."""
    yield "product", map(_product, plant.rows("mat_gen"))
    yield (
        "productdescription",
        (
            {"Product": row["mat_no"], "Language": "EN", "ProductDescription": row["descr"]}
            for row in plant.rows("mat_gen")
        ),
    )
    yield "productplant", map(_at_plant, plant.rows("mat_plant"))
    yield "productsupplyplanning", map(_planning, plant.rows("mat_plant"))
    yield "productvaluation", map(_valuation, plant.rows("mat_plant"))
    yield "productunitsofmeasure", [*map(_base_unit, plant.rows("mat_gen")), *map(_unit, plant.rows("mat_unit"))]
    yield "batch", map(_batch, plant.rows("batch"))
    in_process = [row for row in plant.rows("batch") if row["disp"] in _LOT_STATUS]
    yield "batchcharc", ({**_batch_key(row), **_charc(), "Characteristic": _CHARACTERISTIC[1]} for row in in_process)
    yield (
        "batchcharcvalue",
        (
            {**_batch_key(row), **_charc(), "CharcValuePositionNumber": "001", "CharcValue": _LOT_STATUS[row["disp"]]}
            for row in in_process
        ),
    )
    yield "matlstkinacctmod", map(_stock, plant.rows("stock_qty", "1, 2, 3, 4, 5"))
    yield "reservationdocumentheader", map(_reservation, plant.rows("resv"))
    yield "reservationdocumentitem", map(_reserved, plant.rows("resv"))


def _product(row: Native) -> Row:
    return {
        "Product": row["mat_no"], "ProductType": row["mat_type"], "BaseUnit": unit(row["base_uom"]),
        "CrossPlantStatus": _STATUS[row["mat_stat"]], "LastChangeDateTime": row["changed_at"],
    }  # fmt: skip


def _at_plant(row: Native) -> Row:
    return {
        "Product": row["mat_no"], "Plant": row["plant"], "ProcurementType": row["proc_type"],
        "MRPResponsible": row["planner"],
    }  # fmt: skip


def _planning(row: Native) -> Row:
    bought = row["proc_type"] == "F"
    return {
        "Product": row["mat_no"], "Plant": row["plant"], "ProcurementType": row["proc_type"],
        "SafetyStockQuantity": row["safety_qty"],
        "PlannedDeliveryDurationInDays": row["lead_days"] if bought else 0,
        "InHouseProductionTime": 0 if bought else row["lead_days"],
    }  # fmt: skip


def _valuation(row: Native) -> Row:
    return {
        "Product": row["mat_no"], "ValuationArea": row["plant"], "StandardPrice": row["std_price"],
        "PriceUnitQty": row["price_per"], "Currency": row["curr"],
    }  # fmt: skip


def _base_unit(row: Native) -> Row:
    """S/4HANA lists the base unit as one of a product's units."""
    base = unit(row["base_uom"])
    return {
        "Product": row["mat_no"], "AlternativeUnit": base, "BaseUnit": base, "QuantityNumerator": 1,
        "QuantityDenominator": 1,
    }  # fmt: skip


def _unit(row: Native) -> Row:
    return {
        "Product": row["mat_no"], "AlternativeUnit": unit(row["alt_uom"]), "BaseUnit": unit(row["base_uom"]),
        "QuantityNumerator": row["num"], "QuantityDenominator": row["den"],
    }  # fmt: skip


def _batch_key(row: Native) -> Row:
    return {"Material": row["mat_no"], "BatchIdentifyingPlant": row["plant"], "Batch": row["lot_no"]}


def _charc() -> Row:
    return {"CharcInternalID": _CHARACTERISTIC[0]}


def _batch(row: Native) -> Row:
    return {
        **_batch_key(row), "BatchIsMarkedForDeletion": row["disp"] == "C",
        "MatlBatchIsInRstrcdUseStock": row["disp"] == "R", "Supplier": row["vendor_no"] or "",
        "BatchBySupplier": row["vendor_lot"] or "", "ShelfLifeExpirationDate": row["expires_on"],
        "LastChangeDateTime": row["changed_at"],
    }  # fmt: skip


def _stock(row: Native) -> Row:
    return {
        "Material": row["mat_no"], "Plant": row["plant"], "StorageLocation": row["sloc"], "Batch": row["lot_no"],
        "InventoryStockType": _STOCK_TYPES[row["stk_type"]], "MaterialBaseUnit": unit(row["uom"]),
        "MatlWrhsStkQtyInMatlBaseUnit": row["qty"],
    }  # fmt: skip


def _reservation(row: Native) -> Row:
    for_sale = row["dem_type"] == "SLS"
    return {
        "Reservation": row["resv_no"], "OrderID": "" if for_sale else row["dem_no"],
        "GoodsMovementType": "231" if for_sale else "261", "SalesOrder": row["dem_no"] if for_sale else "",
        "SalesOrderItem": row["dem_item"] if for_sale else "", "ReservationDate": row["need_date"],
    }  # fmt: skip


def _reserved(row: Native) -> Row:
    """The item of a production order's reservation bears the number of the component that it is for."""
    return {
        "Reservation": row["resv_no"], "ReservationItem": "0001" if row["dem_type"] == "SLS" else row["dem_item"],
        "Product": row["mat_no"], "Plant": row["plant"], "Batch": row["lot_no"],
        "MatlCompRequirementDate": row["need_date"], "BaseUnit": unit(row["uom"]),
        "ResvnItmRequiredQtyInBaseUnit": row["qty"], "ResvnItmWithdrawnQtyInBaseUnit": "0",
        "EntryUnit": unit(row["uom"]), "ResvnItmRequiredQtyInEntryUnit": row["qty"],
    }  # fmt: skip
