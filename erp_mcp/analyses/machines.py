"""Causes on the shop floor: a work centre that is down while an operation waits for it."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp.analyses.findings import Cause, Step, step
from erp_mcp.analyses.plant import FINISHED, Plant
from erp_mcp.analyses.rows import DowntimeRow, MaintenanceRow, OperationRow
from erp_mcp.domain.days import OPEN_END_DAYS, days_between

_STARTED = FINISHED | {"Running"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A work centre that can't work. `repaired` is the day on which it is expected back, empty when nothing says."""

    work_center_id: str
    downtime: DowntimeRow | None
    repair: MaintenanceRow | None

    @property
    def repaired(self) -> str:
        """The planned end of the repair."""
        return (self.repair.planned_finish or "") if self.repair else ""


def outage(plant: Plant, work_center_id: str) -> Outage | None:
    """Return why a work centre is down, or `None` when it is not known to be.

    The shop floor's open downtime says that it is. Where there is no downtime feed, a maintenance order that says so
    takes its place, and the cause is not certain.
    """
    down = min(plant.floor.downtimes.get(work_center_id, ()), key=lambda one: one.started_at, default=None)
    repairs = [one for one in plant.floor.maintenance.get(work_center_id, ()) if one.order_type != "preventive"]
    repair = max(repairs, key=lambda one: (bool(one.asset_is_down), one.planned_finish or ""), default=None)
    if down is None and not ("downtime" in plant.missing and repair is not None and repair.asset_is_down):
        return None
    return Outage(work_center_id=work_center_id, downtime=down, repair=repair)


def machine_causes(plant: Plant, production_order_id: str) -> list[Cause]:
    """Return the operations of an order that wait for a work centre which is down when they should start.

    An operation does not wait when it runs or is done, when its work went to another centre, when the centre has an
    alternative that is up, or when it is planned after the repair.
    """
    found = []
    for operation in plant.floor.operations.get(production_order_id, ()):
        if operation.request_state in _STARTED:
            continue
        center = working_at(plant, operation)
        stopped = outage(plant, center)
        if stopped and _in_window(plant, operation, stopped) and running_alternative(plant, center) is None:
            found.append(_cause(plant, operation, stopped))
    return found


def working_at(plant: Plant, operation: OperationRow) -> str:
    """Return the work centre where the operation is queued: where its job is, else where it is planned."""
    for job in plant.floor.jobs.get(operation.production_order_id, ()):
        if job.operation_id == operation.operation_id:
            return job.work_center_id
    return operation.work_center_id


def running_alternative(plant: Plant, work_center_id: str) -> str | None:
    """Return the work centre that can take the work and is up, if there is one."""
    center = plant.floor.work_centers.get(work_center_id)
    if center is None or not center.alternative_id:
        return None
    return None if outage(plant, center.alternative_id) else center.alternative_id


def _in_window(plant: Plant, operation: OperationRow, stopped: Outage) -> bool:
    start = plant.day(operation.planned_start) or plant.today
    if stopped.repaired:
        return start < max(stopped.repaired, plant.today) or start <= plant.today
    return start <= plant.today  # nobody says when it is back: only what should run by now certainly waits


def _cause(plant: Plant, operation: OperationRow, stopped: Outage) -> Cause:
    steps = [
        step(
            operation,
            "production_operation",
            f"{operation.production_order_id}/{operation.operation_id}",
            "waits_for_work_center",
            planned=plant.day(operation.planned_start) or None,  # a business date, as of the other steps
            expected=stopped.repaired,
        ),
        *_steps(stopped),
    ]
    held_up = days_between(max(stopped.repaired, plant.today), plant.day(operation.planned_start))
    return Cause(
        code="machine_down",
        steps=tuple(steps),
        since=stopped.downtime.started_at if stopped.downtime else "",
        slip_days=max(1, held_up) if stopped.repaired else OPEN_END_DAYS,
        certain=stopped.downtime is not None and bool(stopped.repaired),
    )


def _steps(stopped: Outage) -> list[Step]:
    steps = []
    if stopped.downtime is not None:
        down = stopped.downtime
        steps.append(
            step(
                down,
                "work_center",
                stopped.work_center_id,
                "down",
                evidence=f"downtime/{down.downtime_id}",
                expected=stopped.repaired,
                since=down.started_at,
            )
        )
    if stopped.repair is not None:
        repair = stopped.repair
        fact = "repair_open" if stopped.downtime is not None else "down_by_maintenance_order"
        steps.append(
            step(
                repair,
                "maintenance_order",
                repair.maintenance_order_id,
                fact,
                planned=repair.planned_start,
                expected=repair.planned_finish,
            )
        )
    return steps
