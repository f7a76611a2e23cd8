"""The demo plant's shop floor in FactorySemantics MES: one plant of it, since an installation is one plant.

What the public API takes goes through it: equipment, materials, routings, work orders, their release, start and
quantities, end, lots, machine states. It stamps what it is told with its own time, takes an order's machine from the
material's one routing, and plans by its own calendar; so five things are set in its database: times in the past, the
machine and number of an order's step where they differ from the routing's, when a step is planned, that what a finished
order made has left the floor, and stops that are over.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, LiteralString, NamedTuple

import httpx2
import psycopg

from erp_mcp.demo import generate
from tests.systems.fsmes.server import DATABASE, Running

SITE: Final = "1000"
_PATIENCE_S: Final = 10
_NOT_THERE: Final = 404
_STATES: Final = {"RUN": "running", "IDLE": "idle"}
_UNITS: Final = {"EA": "ea", "KGM": "kg", "MTR": "m"}


class Job(NamedTuple):
    """A row of `job` in the demo MES."""

    order: str
    step: int
    machine: str
    material: str
    state: str
    began_at: str | None
    good: str
    scrap: str
    unit: str
    priority: int | None
    planned_at: str | None
    ends_at: str | None


class Machine(NamedTuple):
    """A row of `equipment` in the demo MES, with what it does and since when."""

    code: str
    name: str
    state: str
    since: str


class Stop(NamedTuple):
    """A row of `stop_event` in the demo MES."""

    machine: str
    began_at: str
    ended_at: str | None
    reason: str


class Lot(NamedTuple):
    """A row of `bin_stock` in the demo MES."""

    code: str
    material: str
    quantity: str
    unit: str
    counted_at: str


class Floor(NamedTuple):
    """What the demo MES knows of one plant."""

    machines: Sequence[Machine]
    jobs: Sequence[Job]
    stops: Sequence[Stop]
    lots: Sequence[Lot]


def floor_of(mes: Path, site: str = SITE) -> Floor:
    """Return the shop floor of one plant from a demo MES file, machines by the names that the ERP has for them."""
    with closing(sqlite3.connect(mes)) as database:

        def rows(text: str) -> list[tuple[Any, ...]]:
            return database.execute(text, (site,)).fetchall()

        return Floor(
            machines=[
                Machine(*one)
                for one in rows(
                    "SELECT erp_wc, descr, state, since FROM equipment JOIN machine_state USING (eq_id)"
                    " WHERE plant = ? ORDER BY 1"
                )
            ],
            jobs=[
                Job(one[0], int(one[1]), *one[2:])
                for one in rows(
                    "SELECT order_no, op_no, erp_wc, mat_no, state, began_at, good_qty, scrap_qty, uom, prio,"
                    " start_plan, expect_end FROM job JOIN equipment USING (eq_id) WHERE job.plant = ? ORDER BY job_no"
                )
            ],
            stops=[
                Stop(*one)
                for one in rows(
                    "SELECT erp_wc, began_at, ended_at, reason FROM stop_event JOIN equipment USING (eq_id)"
                    " WHERE stop_event.plant = ? ORDER BY event_no"
                )
            ],
            lots=[
                Lot(*one)
                for one in rows("SELECT batch_no, mat_no, qty, uom, counted_at FROM bin_stock WHERE plant = ?")
                if Decimal(one[2]) > 0  # it takes no lot of nothing
            ],
        )


def export(running: Running, folder: Path) -> None:
    """Generate the demo plant in `folder` and put one plant's floor into a running, empty MES."""
    floor = floor_of(generate(folder).mes)
    with httpx2.Client(base_url=running.url, trust_env=False, timeout=30) as client:
        api = Api(client, running.admin, running.admin_password)
        api.post(
            "/auth/users",
            {"code": running.account, "name": "erp-mcp", "password": running.password, "role": "viewer"},
        )
        _masters(api, floor)
        with running.rig.admin(DATABASE) as database:
            for job in floor.jobs:
                _job(api, database, job)
            for lot in floor.lots:
                body = {"code": lot.code, "material": lot.material, "quantity": float(lot.quantity)}
                api.post("/execution/lots", body)
            _dates(database, floor)
            _stops(api, database, floor)


class Api:
    """The public API, as a person uses it who may do everything."""

    def __init__(self, client: httpx2.Client, account: str, password: str) -> None:
        """Sign in."""
        self._client = client
        told = self.post("/auth/login", {"code": account, "password": password})
        client.headers["Authorization"] = f"Bearer {told['token']}"

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, str]:
        """Send something, and fail where it is not taken.

        The API answers a moment before it has committed, so what was just made may not be there yet: 404 did nothing,
        and is asked again for a while.
        """
        deadline = time.monotonic() + _PATIENCE_S
        answer = self._client.post(path, json=body)
        while answer.status_code == _NOT_THERE and time.monotonic() < deadline:
            answer = self._client.post(path, json=body)
        if answer.status_code >= 300:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, str] = answer.json()
        return found


def _masters(api: Api, floor: Floor) -> None:
    place = "/masterdata/equipment"
    api.post(place, {"code": "WORKS", "name": "Works", "level": "enterprise"})
    api.post(place, {"code": SITE, "name": "Plant", "level": "site", "parent": "WORKS"})
    api.post(place, {"code": "L1", "name": "Line 1", "level": "work_center", "parent": SITE})
    for code, name, *_ in floor.machines:
        body = {"code": code, "name": name, "level": "work_unit", "parent": "L1", "ideal_cycle_seconds": 60.0}
        api.post(place, body)
    units = {**{lot.material: lot.unit for lot in floor.lots}, **{job.material: job.unit for job in floor.jobs}}
    for material, unit in sorted(units.items()):
        api.post("/masterdata/materials", {"code": material, "name": material, "unit": _UNITS[unit]})
    for job in {job.material: job for job in reversed(floor.jobs)}.values():
        steps = [{"seq": job.step, "name": f"Step {job.step}", "equipment": job.machine}]
        body = {"code": f"R-{job.material}", "name": job.material, "material": job.material, "operations": steps}
        api.post("/masterdata/routings", body)


def _job(api: Api, database: psycopg.Connection, job: Job) -> None:
    made = Decimal(job.good) + Decimal(job.scrap)
    order = {"code": job.order, "material": job.material, "quantity": float(made + 1)}
    api.post("/workorders", {**order, "priority": job.priority} if job.priority else order)
    _set(
        database,
        "UPDATE work_order_operations o SET seq = %s, equipment_id = e.id FROM work_orders w, equipment e"
        " WHERE o.work_order_id = w.id AND w.code = %s AND e.code = %s",
        (job.step, job.order, job.machine),
    )
    api.post(f"/workorders/{job.order}/release", {})
    step = f"/workorders/{job.order}/operations/{job.step}"
    if job.state in ("RUN", "DONE"):
        api.post(f"{step}/start", {})
    if made:
        body = {"order": job.order, "seq": job.step, "good": float(job.good), "scrap": float(job.scrap)}
        api.post("/execution/report", body)
    if job.state == "DONE":
        api.post(f"{step}/complete", {})
        if Decimal(job.good):
            # It keeps a lot of what an order made, where the demo's has gone to the warehouse.
            _set(
                database,
                "UPDATE material_lots l SET status = 'exhausted' FROM work_orders w"
                " WHERE l.produced_by_order_id = w.id AND w.code = %s",
                (job.order,),
            )


def _dates(database: psycopg.Connection, floor: Floor) -> None:
    for job in floor.jobs:
        if job.began_at:
            _set(
                database,
                "UPDATE work_order_operations o SET started_at = %s::timestamptz AT TIME ZONE 'UTC' FROM work_orders w"
                " WHERE o.work_order_id = w.id AND w.code = %s",
                (job.began_at, job.order),
            )
        if job.planned_at:
            # It plans the end of whatever it plans; of what only waits, the demo MES does not: an hour stands for it.
            _set(
                database,
                "INSERT INTO scheduled_slots (equipment_id, kind, work_order_id, operation_id, planned_start,"
                " planned_end, minutes, sequence, planned_at) SELECT o.equipment_id, %s, w.id, o.id,"
                " %s::timestamptz AT TIME ZONE 'UTC',"
                " COALESCE(%s::timestamptz, %s::timestamptz + interval '1 hour') AT TIME ZONE 'UTC', 60, 0,"
                " %s::timestamptz AT TIME ZONE 'UTC' FROM work_order_operations o"
                " JOIN work_orders w ON w.id = o.work_order_id WHERE w.code = %s",
                ("production", job.planned_at, job.ends_at, job.planned_at, job.planned_at, job.order),
            )
    for lot in floor.lots:
        text = "UPDATE material_lots SET created_at = %s::timestamptz AT TIME ZONE 'UTC' WHERE code = %s"
        _set(database, text, (lot.counted_at, lot.code))


def _set(database: psycopg.Connection, text: LiteralString, values: Sequence[object]) -> None:
    """Change one row, once it is there: the API answers a moment before it has committed."""
    until = time.monotonic() + _PATIENCE_S
    while database.execute(text, values).rowcount != 1:
        if time.monotonic() > until:
            raise RuntimeError("a row that the API has taken is not there")
        time.sleep(0.01)


def _stops(api: Api, database: psycopg.Connection, floor: Floor) -> None:
    down = {stop.machine: stop for stop in floor.stops if stop.ended_at is None}
    for machine in floor.machines:
        stop = down.get(machine.code)
        body = {"state": "down", "reason": stop.reason} if stop else {"state": _STATES[machine.state]}
        api.post(f"/equipment/{machine.code}/state", body)
        _set(
            database,
            "UPDATE equipment_states s SET started_at = %s::timestamptz AT TIME ZONE 'UTC' FROM equipment e"
            " WHERE s.equipment_id = e.id AND e.code = %s AND s.ended_at IS NULL",
            (stop.began_at if stop else machine.since, machine.code),
        )
    with database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO equipment_states (equipment_id, state, reason, started_at, ended_at)"
            " SELECT id, 'down', %s, %s::timestamptz AT TIME ZONE 'UTC', %s::timestamptz AT TIME ZONE 'UTC'"
            " FROM equipment WHERE code = %s",
            [(stop.reason, stop.began_at, stop.ended_at, stop.machine) for stop in floor.stops if stop.ended_at],
        )
