"""Production, maintenance and quality as S/4HANA has them: states are flags there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tests.systems.cap.seed_values import Native, Plant, Row, local_date, local_time, stamp14, unit

# Which flags of an order are set, by the plant's word for its state.
_DONE: Final = ("OrderIsReleased", "OrderIsConfirmed", "OrderIsDelivered")
_FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "CRTD": ("OrderIsCreated",),
    "REL": ("OrderIsReleased",),
    "RELM": ("OrderIsReleased",),
    "PCNF": ("OrderIsReleased", "OrderIsPartiallyConfirmed"),
    "LKD": ("OrderIsReleased", "OrderIsLocked"),
    "CNF": _DONE,
    "TECO": (*_DONE, "OrderIsTechnicallyCompleted"),
    "DLFL": ("OrderIsMarkedForDeletion",),
}
_ALL_FLAGS: Final = (
    "OrderIsCreated", "OrderIsReleased", "OrderIsPartiallyConfirmed", "OrderIsConfirmed", "OrderIsDelivered",
    "OrderIsLocked", "OrderIsTechnicallyCompleted", "OrderIsMarkedForDeletion",
)  # fmt: skip
_AVAILABLE: Final = ("I0340", "MACM", "Material committed")
_SHORT: Final = ("I0117", "MSPT", "Material shortage")
_PHASES: Final = {"OPEN": "02", "INPR": "06", "CMPL": "08"}
_PRIORITY: Final = {"1": "1", "2": "3", "3": "4"}  # there are two kinds of high
_ORIGIN: Final = {"RECEIPT": "01", "RETURN": "06"}
_NOTIFICATION: Final = {"OSNO": "1", "NOPR": "3", "NOCO": "4"}
_SHORT_TEXT: Final = 40


def tables(plant: Plant) -> Iterator[tuple[str, Iterable[Row]]]:
    """Yield table and rows."""
    centers = list(enumerate(plant.rows("work_ctr"), 10_000_001))
    yield "workcenters", (_center(str(number), row) for number, row in centers)
    yield "workcenterdescription", (_center_text(str(number), row) for number, row in centers)
    yield "productionorder", map(_order, plant.rows("prod_head"))
    yield "productionorderstatus", (one for row in plant.rows("prod_head") for one in _status(row))
    yield "productionordercomponent", map(_component, plant.rows("prod_comp"))
    yield (
        "productionorderoperation",
        (
            _operation(number, row)
            for number, row in enumerate(
                plant.select(
                    "SELECT o.*, p.stat AS order_stat FROM prod_op o JOIN prod_head p USING (ord_no) ORDER BY 1, 2"
                ),
                1,
            )
        ),
    )
    yield "maintenanceorder", map(_maintenance, plant.rows("maint_order"))
    yield "inspectionlot", map(_inspection, plant.rows("insp_lot"))
    yield "insplotusagedecision", (_decision(row) for row in plant.rows("insp_lot") if row["ud"])
    yield "qualitynotification", map(_notification, plant.rows("qual_notif"))
    yield (
        "qualitynotificationlongtext",
        (
            {"QualityNotification": row["qn_no"], "Language": "EN", "NotificationLongText": row["descr"]}
            for row in plant.rows("qual_notif")
            if len(row["descr"]) > _SHORT_TEXT
        ),
    )


def _center(number: str, row: Native) -> Row:
    return {
        "WorkCenterInternalID": number, "WorkCenter": row["wc_no"], "Plant": row["plant"],
        "WorkCenterLocation": row["area"], "YY1_AlternativeWorkCenter": row["alt_wc"] or "",
    }  # fmt: skip


def _center_text(number: str, row: Native) -> Row:
    return {
        "WorkCenterInternalID": number, "WorkCenterTypeCode": "A", "Language": "EN", "WorkCenterText": row["descr"],
    }  # fmt: skip


def _order(row: Native) -> Row:
    flags = _FLAGS[row["stat"]]
    return {
        "ManufacturingOrder": row["ord_no"], "ManufacturingOrderType": row["ord_type"], "Material": row["mat_no"],
        "ProductionPlant": row["plant"], "TotalQuantity": row["qty_plan"],
        "MfgOrderConfirmedYieldQty": row["qty_yield"], "MfgOrderConfirmedScrapQty": row["qty_scrap"],
        "ProductionUnit": unit(row["uom"]),
        "MfgOrderPlannedStartDate": row["start_basic"], "MfgOrderPlannedEndDate": row["finish_basic"],
        "MfgOrderScheduledStartDate": row["start_sched"], "MfgOrderScheduledEndDate": row["finish_sched"],
        "SalesOrder": row["so_no"] or "", "SalesOrderItem": row["so_item"] or "",
        "SuperiorOrder": row["parent_ord"] or "", **{name: name in flags for name in _ALL_FLAGS},
        "LastChangeDateTime": stamp14(row["changed_at"]),
    }  # fmt: skip


def _status(row: Native) -> Iterator[Row]:
    found = {"RELM": _AVAILABLE, "REL": _SHORT}.get(row["stat"])
    if found is not None:
        code, short, name = found
        yield {
            "ManufacturingOrder": row["ord_no"], "StatusCode": code, "StatusShortName": short, "StatusName": name,
        }  # fmt: skip


def _component(row: Native) -> Row:
    return {
        "Reservation": row["ord_no"][-10:], "ReservationItem": row["item_no"], "ManufacturingOrder": row["ord_no"],
        "BillOfMaterialItemNumber": row["item_no"], "Material": row["mat_no"], "Plant": row["plant"],
        "RequiredQuantity": row["qty_req"], "WithdrawnQuantity": row["qty_wd"], "BaseUnit": unit(row["uom"]),
        "MatlCompRequirementDate": row["need_date"], "ReservationIsFinallyIssued": not float(row["qty_open"]),
        "YY1_SupplyingOrder": row["supply_ord"] or "", "LastChangeDateTime": stamp14(row["changed_at"]),
    }  # fmt: skip


def _operation(number: int, row: Native) -> Row:
    return {
        "OrderInternalBillOfOperations": row["ord_no"][-10:], "OrderIntBillOfOperationsItem": f"{number:08d}",
        "ManufacturingOrder": row["ord_no"], "ManufacturingOrderOperation": row["op_no"],
        "ProductionPlant": row["plant"], "WorkCenter": row["wc_no"],
        "OpErlstSchedldExecStrtDte": local_date(row["start_at"]),
        "OpErlstSchedldExecStrtTme": local_time(row["start_at"]),
        "OpErlstSchedldExecEndDte": local_date(row["finish_at"]),
        "OpErlstSchedldExecEndTme": local_time(row["finish_at"]),
        "OperationIsReleased": row["order_stat"] != "CRTD", "OperationIsPartiallyConfirmed": row["stat"] == "PCNF",
        "OperationIsConfirmed": row["stat"] == "CNF", "LastChangeDateTime": stamp14(row["changed_at"]),
    }  # fmt: skip


def _maintenance(row: Native) -> Row:
    return {
        "MaintenanceOrder": row["mnt_no"], "MaintenanceOrderType": row["mnt_type"],
        "MaintenanceOrderDesc": row["descr"], "MaintenancePlant": row["plant"], "Equipment": row["wc_no"],
        "MaintOrdBasicStartDate": row["start_plan"], "MaintOrdBasicEndDate": row["finish_plan"],
        "MaintOrdProcessPhaseCode": _PHASES[row["stat"]],
        "OperationSystemCondition": "0" if row["down_flag"] else "1", "MaintPriority": _PRIORITY[row["prio"]],
        "LastChangeDateTime": row["changed_at"],
    }  # fmt: skip


def _inspection(row: Native) -> Row:
    return {
        "InspectionLot": row["insp_no"], "Material": row["mat_no"], "Batch": row["lot_no"], "Plant": row["plant"],
        "InspectionLotOrigin": _ORIGIN[row["origin"]], "InspectionLotQuantity": row["qty"],
        "InspectionLotQuantityUnit": unit(row["uom"]), "InspectionLotEndDate": local_date(row["due_at"]),
        "InspectionLotEndTime": local_time(row["due_at"]),
        "InspectionLotHasUsageDecision": "X" if row["ud"] else "", "ChangedDateTime": row["changed_at"],
    }  # fmt: skip


def _decision(row: Native) -> Row:
    return {
        "InspectionLot": row["insp_no"], "InspectionLotUsageDecisionCode": row["ud"],
        "InspLotUsageDecisionValuation": row["ud"],
    }  # fmt: skip


def _notification(row: Native) -> Row:
    return {
        "QualityNotification": row["qn_no"], "NotificationType": row["qn_type"],
        "NotificationText": row["descr"][:_SHORT_TEXT], "NotificationPriority": row["severity"],
        "Material": row["mat_no"], "Plant": row["plant"], "Batch": row["lot_no"] or "",
        "NotifProcessingPhase": _NOTIFICATION[row["stat"]], "QltyNotifDefectCode": row["defect"],
        "CreationDate": local_date(row["opened_at"]), "CreationTime": local_time(row["opened_at"]),
        "LastChangeDate": local_date(row["changed_at"]), "LastChangeTime": local_time(row["changed_at"]),
        "YY1_HoldsBatch": bool(row["hold_flag"]), "YY1_ResponsibleRole": row["owner_role"],
    }  # fmt: skip
