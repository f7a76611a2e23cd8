"""Row types of the reads that operations on maintenance stand on; none holds a text of a system."""

from __future__ import annotations

from typing import NamedTuple


class CenterRefRow(NamedTuple):
    """The work centre that something is reported of; read again from its system."""

    system: str
    source_key: str
    work_center_id: str
    site: str


class AssetRow(NamedTuple):
    """An asset and where it stands, as maintenance orders say."""

    asset_id: str
    work_center_id: str


class NoticeRow(NamedTuple):
    """A maintenance notification that is not closed."""

    notification_id: str
    asset_id: str | None
    breakdown: int | None
    order_state: str


class NoticeRefRow(NamedTuple):
    """The notification that an order is planned for; read again from its system."""

    system: str
    source_key: str
    notification_id: str
    work_center_id: str | None
    asset_id: str | None


class PlannedWorkRow(NamedTuple):
    """A maintenance order that is not completed."""

    maintenance_order_id: str
    asset_id: str | None
    planned_start: str | None
    planned_finish: str | None


class OperationRow(NamedTuple):
    """An operation of production that is not finished."""

    production_order_id: str
    operation_id: str
    planned_start: str | None
    planned_finish: str | None
