"""Native tables of the demo MES, one row type each; the first `KEY` fields are the primary key.

The MES has its own names: order numbers without leading zeros, work centres such as `L1.ASM01`, batches with the
prefix `MB-`. Instants are UTC; `feed` says up to when each of its feeds is known.
"""

from __future__ import annotations

from typing import NamedTuple


class EquipmentRow(NamedTuple):
    """Table `equipment`: its own name and the ERP's work centre."""

    eq_id: str
    erp_wc: str
    plant: str
    descr: str
    changed_at: str


class JobRow(NamedTuple):
    """Table `job`; the badge is personal data and is mapped nowhere. `prio` is the place in the queue, 1 is first."""

    job_no: str
    order_no: str
    op_no: str
    plant: str
    eq_id: str
    mat_no: str
    state: str
    began_at: str | None
    expect_end: str | None
    good_qty: str
    scrap_qty: str
    uom: str
    prio: int | None
    start_plan: str | None
    operator_badge: str
    changed_at: str


class DowntimeRow(NamedTuple):
    """Table `stop_event`."""

    event_no: str
    plant: str
    eq_id: str
    began_at: str
    ended_at: str | None
    reason: str
    planned: int
    changed_at: str


class BinStockRow(NamedTuple):
    """Table `bin_stock`."""

    mat_no: str
    plant: str
    bin: str
    batch_no: str
    qty: str
    uom: str
    counted_at: str
    changed_at: str


class MessageRow(NamedTuple):
    """Table `outbound_msg`: movements posted here that the ERP has not booked yet; signed quantities."""

    msg_no: str
    mat_no: str
    plant: str
    batch_no: str
    qty: str
    uom: str
    posted_at: str
    changed_at: str


class ShiftRow(NamedTuple):
    """Table `shift_log`: time and quantity elements of one centre and shift (minutes, pieces, seconds per piece)."""

    eq_id: str
    shift_date: str
    shift: str
    pbt_min: int
    apt_min: int
    ideal_sec: int
    produced: int
    good: int
    changed_at: str


class MachineStateRow(NamedTuple):
    """Table `machine_state`."""

    eq_id: str
    state: str
    since: str
    changed_at: str


class FeedRow(NamedTuple):
    """Table `feed`: the newest instant that a feed covers."""

    feed: str
    high_water: str


class MesDeletionRow(NamedTuple):
    """Table `deletion_log`."""

    table_name: str
    key: str
    deleted_at: str


MES_TABLES: dict[str, tuple[type[NamedTuple], int]] = {
    "equipment": (EquipmentRow, 1),
    "job": (JobRow, 1),
    "stop_event": (DowntimeRow, 1),
    "bin_stock": (BinStockRow, 4),
    "outbound_msg": (MessageRow, 1),
    "shift_log": (ShiftRow, 3),
    "machine_state": (MachineStateRow, 1),
    "feed": (FeedRow, 1),
    "deletion_log": (MesDeletionRow, 2),
}
