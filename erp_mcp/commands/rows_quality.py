"""Row types of the reads that operations on quality notifications stand on; none holds a text of a system."""

from __future__ import annotations

from typing import NamedTuple


class LotRefRow(NamedTuple):
    """The lot that a notification is about; read again from its system."""

    system: str
    source_key: str
    lot_id: str
    material_id: str
    site: str


class OpenNotificationRow(NamedTuple):
    """A notification that is not closed, about the same lot, or about the same material and no lot."""

    notification_id: str
    lot_id: str | None
    material_id: str | None
    defect_code: str | None
    hold: int | None
    opened_at: str | None


class DefectCodeRow(NamedTuple):
    """A defect code that was used before."""

    defect_code: str
