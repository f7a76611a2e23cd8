"""Facts of small cases on notifications and maintenance; a test changes what it is about."""

from __future__ import annotations

from erp_mcp.commands import rows
from erp_mcp.commands.rows_quality import DefectCodeRow, LotRefRow
from erp_mcp.domain.entities.inventory import Lot
from tests.unit.commands.cases import MATERIAL, NOW, Case

LOT = Lot(
    system="erp", source_key="L1", version_token="v1", as_of=NOW, lot_id="L1", material_id="RM-1", site="1000",
    lot_disposition="UnRestricted",
)  # fmt: skip
DEFECT = Case(
    operation="quality_notification.create",
    arguments={
        "site": "1000", "lot_id": "L1", "material_id": None, "defect_code": "SURF",
        "description": "Scratches on four pieces.", "request_hold": True,
    },
    rows={
        "lots": (LotRefRow(system="erp", source_key="L1", lot_id="L1", material_id="RM-1", site="1000"),),
        "materials": (),
        "planning": (),
        "notifications": (),
        "codes": (DefectCodeRow("SURF"), DefectCodeRow("DIM")),
    },
    live={"lots": (LOT,)},
)  # fmt: skip
NO_LOT = (
    DEFECT.given(lot_id=None, material_id="RM-1", request_hold=False)
    .having(
        lots=(),
        materials=(rows.MaterialRow("erp", "RM-1", "RM-1", "EA", "active"),),
        planning=(rows.PlanningRow("erp", "1000", "buy", 20),),
    )
    .living(lots=(), materials=(MATERIAL,))
)
