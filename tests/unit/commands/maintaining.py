"""Facts of small cases on maintenance; a test changes what it is about."""

from __future__ import annotations

from erp_mcp.commands.rows_maintenance import AssetRow, CenterRefRow, NoticeRefRow
from erp_mcp.domain.entities.production import MaintenanceNotification, WorkCenter
from tests.unit.commands.cases import NOW, Case

CENTER = WorkCenter(system="erp", source_key="CNC", version_token="v1", as_of=NOW, work_center_id="CNC", site="1000")
NOTICE = MaintenanceNotification(
    system="erp", source_key="MN1", version_token="v5", as_of=NOW, notification_id="MN1", site="1000",
    work_center_id="CNC", asset_id="AST-1", breakdown=False, priority="low", order_state="open",
)  # fmt: skip
MALFUNCTION = Case(
    operation="maintenance_notification.create",
    arguments={
        "asset_id": "AST-1", "work_center_id": None, "description": "Spindle vibrates.", "breakdown": False,
        "witnessed_by": None, "priority": "medium",
    },
    rows={
        "assets": (AssetRow("AST-1", "CNC"),),
        "centers": (CenterRefRow("erp", "CNC", "CNC", "1000"),),
        "notices": (),
    },
    live={"centers": (CENTER,)},
)  # fmt: skip
PLAN = Case(
    operation="maintenance_order.create",
    arguments={
        "notification_id": "MN1", "planned_start": "2026-03-30", "planned_finish": "2026-03-31",
        "permit_to_work": True,
    },
    rows={
        "notice": (NoticeRefRow("erp", "MN1", "MN1", "CNC", "AST-1"),),
        "orders": (),
        "operations": (),
    },
    live={"notice": (NOTICE,)},
)  # fmt: skip
