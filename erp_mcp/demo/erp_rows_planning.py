"""Planning: native tables of the demo ERP, one row type each; the leading fields are the primary key."""

from __future__ import annotations

from typing import NamedTuple


class PlannedOrderRow(NamedTuple):
    """Table `pln_ord`: supply that nobody has ordered yet."""

    pln_no: str
    plant: str
    mat_no: str
    qty: str
    uom: str
    start_on: str
    finish_on: str
    proc_type: str
    firm: int
    conv: int
    changed_at: str


class PlanningMessageRow(NamedTuple):
    """Table `mrp_msg`: what the last planning run says about one element of supply."""

    msg_no: str
    plant: str
    mat_no: str
    planner: str
    el_type: str
    el_no: str
    el_item: str | None
    code: str
    severity: str
    date_now: str
    date_new: str | None
    run_at: str
    changed_at: str


class CapacityRow(NamedTuple):
    """Table `wc_cap`: minutes that a work centre can work on one day."""

    wc_no: str
    cap_date: str
    plant: str
    avail_min: int
    changed_at: str
