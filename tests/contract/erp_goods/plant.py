"""Commands of quality and maintenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.writing import maintenance_notice, maintenance_plan
from erp_mcp.demo.writing.quality_notice import CREATE_NOTICE
from tests.contract.erp_goods.form import Goods, Made, Row


def _quality(row: Row, number: int) -> Made:
    lot, material, plant = row
    return Made(
        fields={
            "site": plant, "material_id": material, "lot_id": lot, "defect_code": "DIM",
            "description": f"Piece {number} is too long.", "hold": True,
        }
    )  # fmt: skip


def _malfunction(row: Row, number: int) -> Made:
    plant, center, asset = row
    return Made(
        fields={
            "site": plant, "work_center_id": center, "asset_id": asset, "breakdown": False, "priority": "low",
            "description": f"Noise of kind {number}.", "witnessed_by": None,
        }
    )  # fmt: skip


def _plan(row: Row, number: int) -> Made:
    notice, center, asset, version = row
    del number
    return Made(
        fields={
            "notification_id": notice, "work_center_id": center, "asset_id": asset, "planned_start": "2026-12-01",
            "planned_finish": "2026-12-02", "permit_to_work": False,
            "versions": [{"notification_id": notice, "version": version}],
        }
    )  # fmt: skip


_MANY_NOTICES: Final = """
    INSERT INTO mnt_notif
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
    SELECT printf('MN0090%04d', i), plant, wc_no, asset_no, brk_flag, prio, opened_at, stat, mnt_no, descr, witness,
           changed_at
      FROM mnt_notif, n WHERE mn_no = 'MN00300103'
"""

GOODS: Final[Mapping[str, Goods]] = {
    CREATE_NOTICE: Goods(
        records="SELECT lot_no, mat_no, plant FROM batch ORDER BY 1", good=_quality, wrong={"defect_code": "ODD"}
    ),
    maintenance_notice.CREATE_NOTICE: Goods(
        records="SELECT plant, wc_no, asset_no FROM maint_order ORDER BY 1, 2",
        good=_malfunction,
        wrong={"priority": "none"},
    ),
    maintenance_plan.CREATE_ORDER: Goods(
        before=_MANY_NOTICES,
        records="SELECT mn_no, wc_no, asset_no, changed_at FROM mnt_notif WHERE stat = 'OSNO' ORDER BY 1",
        each=True,
        good=_plan,
        wrong={"planned_finish": "2026-11-30"},
    ),
}
_QUALITY: Final = """
    SELECT qn_no, qn_no, plant || mat_no || coalesce(lot_no, '') || defect || hold_flag || stat || descr || changed_at
      FROM qual_notif
"""
_MALFUNCTIONS: Final = "SELECT mn_no, mn_no, plant || wc_no || asset_no || brk_flag || prio || descr FROM mnt_notif"
_PLANS: Final = (
    "SELECT mnt_no, mnt_no, wc_no || asset_no || start_plan || finish_plan || stat || permit_flag || changed_at"
    " FROM maint_order"
)
EFFECTS: Final = (_QUALITY, _MALFUNCTIONS, _PLANS)
