"""Profiles of the small purchasing system of `fake_writes`, for both versions of OData, and connections to it."""

from __future__ import annotations

import copy
from typing import Any, Final

from erp_mcp.adapters import Connection
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from tests.unit.adapters.odata.fake_writes import Buying
from tests.unit.adapters.writing_source import CREATE, DATE

_KEY: Final = {"PurchasingDocument": {"key": 0}, "PurchasingDocumentItem": {"key": 1}}
PLANS: Final[dict[str, Any]] = {
    DATE: {
        "contract": "conditional",
        "settle_s": 0,
        "record": {
            "same": ["purchase_order_id", "line"],
            "require": {"order_state": {"in": ["open"], "code": "order_not_open"}},
        },
        "look": {
            "schedule": {
                "set": "po/A_PurchaseOrderScheduleLine", "where": _KEY, "take": ["ScheduleLine"],
                "none": "nothing_open", "many": "several_schedule_lines",
            },
        },
        "write": {
            "method": "PATCH",
            "set": "po/A_PurchaseOrderScheduleLine",
            "key": {**_KEY, "ScheduleLine": {"found": "schedule.ScheduleLine"}},
            "if_match": "schedule",
            "body": {"ScheduleLineDeliveryDate": {"field": "new_date"}},
            "minimal": True,
        },
        "shown": {"new_date": "promised_date"},
        "answer": {"codes": {"ME/040": "date_in_the_past", "ME/006": "later"}},
    },
    CREATE: {
        "contract": "readback",
        "settle_s": 0,
        "reference": {"in": "to_PurchaseReqnItem.PurReqnExternalReference", "longest": 35},
        "absent": {"cost_object": "no_cost_objects"},
        "write": {
            "method": "POST",
            "set": "pr/A_PurchaseRequisitionHeader",
            "body": {
                "PurchaseRequisitionType": {"const": "NB"},
                "to_PurchaseReqnItem": {
                    "children": [
                        {
                            "PurchaseRequisitionItem": {"const": "00010"},
                            "Material": {"field": "material_id"},
                            "Plant": {"field": "site"},
                            "RequestedQuantity": {"field": "qty", "digits": 3},
                            "BaseUnit": {"field": "uom", "unit": True},
                            "DeliveryDate": {"field": "delivery_date"},
                            "FixedSupplier": {"field": "supplier_id", "optional": True},
                            "PurReqnExternalReference": {"reference": True},
                        }
                    ]
                },
            },
        },
        "made": {"key_paths": ["PurchaseRequisition", "to_PurchaseReqnItem.0.PurchaseRequisitionItem"]},
        "find": {
            "set": "pr/A_PurchaseRequisitionItem", "by": "PurReqnExternalReference",
            "key_paths": ["PurchaseRequisition", "PurchaseRequisitionItem"],
        },
    },
}  # fmt: skip
_ENTITIES: Final[dict[str, Any]] = {
    "purchase_order_line": {
        "set": "po/A_PurchaseOrderItem",
        "key": ["PurchaseOrder", "PurchaseOrderItem"],
        "version": "LastChange",
        "fields": {
            "purchase_order_id": "PurchaseOrder", "line": "PurchaseOrderItem", "site": "Plant",
            "supplier_id": "Supplier", "material_id": "Material", "qty_ordered": "OrderQuantity",
            "qty_received": {"minus": ["OrderQuantity", "OpenQuantity"], "floor": "0"}, "qty_open": "OpenQuantity",
            "uom": {"unit": "Unit"}, "order_state": "Status",
            "promised_date": {"earliest": "to_ScheduleLine.ScheduleLineDeliveryDate"},
        },
    },
    "purchase_requisition": {
        "set": "pr/A_PurchaseRequisitionItem",
        "key": ["PurchaseRequisition", "PurchaseRequisitionItem"],
        "version": "hash",
        "fields": {
            "requisition_id": "PurchaseRequisition", "line": "PurchaseRequisitionItem", "site": "Plant",
            "material_id": "Material", "qty": "RequestedQuantity", "uom": {"unit": "BaseUnit"},
            "delivery_date": {"date": "DeliveryDate"}, "supplier_id": "FixedSupplier", "order_state": "Status",
        },
    },
}  # fmt: skip


def profile(version: int, plans: dict[str, Any] | None = None) -> Profile:
    """Return the profile for one version of the protocol."""
    return Profile(
        name="buying",
        version=1,
        kind="odata",
        level=4,
        zone="Europe/Berlin",
        identity={},
        states={
            "purchase_order_line.order_state": {"05": "open", "14": "closed"},
            "purchase_requisition.order_state": {"N": "open"},
        },
        entities=copy.deepcopy(_ENTITIES),
        commands=copy.deepcopy(plans if plans is not None else PLANS),
        head={"version": version, "services": {"po": "po", "pr": "pr"}},
        units={"KG": "KGM", "ST": "C62"},
    )


def connection(fake: Buying, **more: Any) -> Connection:
    """Return a connection whose limits let a test break the system as often as it wants."""
    limits = TrafficLimits(requests_per_s=10_000, burst=10_000, concurrent=50, failures=1000, window=1000, attempts=1)
    settings = {"system": "erp", "url": fake.server.url, "account": "WRITER", "timeout_s": 5.0, "limits": limits}
    return Connection(**{**settings, **more})


def changed_plans(operation: str, **write: Any) -> dict[str, Any]:
    """Return the plans with another `write` of one operation."""
    plans = copy.deepcopy(PLANS)
    plans[operation]["write"] |= write
    return plans
