"""The shop-floor tools asked of three deployments: the demo's own MES, this MES by its API, and by a replica."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from erp_mcp import answers
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.call import ToolCall
from tests.guarantees import guarantees
from tests.systems.fsmes.conftest import READER
from tests.systems.fsmes.export import SITE, Floor
from tests.systems.fsmes.server import DATABASE, Running
from tests.systems.matrix.covering import FSMES_REPLICA, FSMES_REST, QUESTIONS, Of, covers

pytestmark = pytest.mark.live

_CLOCK: Final = "2026-03-16T05:00:00Z"
_NEVER: Final = frozenset({"job_id"})  # each MES numbers jobs its own way
_PLANNED: Final = frozenset({"expected_finish", "priority"})  # this one has both for each job, the demo's for some
_NOT_BY_API: Final = frozenset({"started_at", "age_h", "uom", "planned_start", "position"})
_WITHOUT_PLANNED: Final = frozenset({"unplanned_stops", "unplanned_stop_min"})
_WITHOUT_SHIFTS: Final = frozenset({"unplanned_events", "unplanned_minutes", "mtbf_h", "mttr_min", "production_h"})
_BY_DOCUMENTS: Final = frozenset(
    {"rank", "qty_in_flight", "qty_unexplained", "likely_cause", "in_flight_documents", "mes_as_of"}
)
BY_DEPLOYMENT: Final = Of("deployment", {"api": FSMES_REST, "replica": FSMES_REPLICA})
# What is reserved from stock that the floor counts otherwise, and what is short and bought for it.
_COUNTED: Final = {
    "qty_reserved", "qty_short", "next_supply_type", "next_supply_id", "next_supply_date", "next_supply_qty"
}  # fmt: skip
# Comparing stock needs movements on their way to the ERP, which this MES does not tell; such a cause is then unknown.
_COMPARES_STOCK: Final = frozenset({"stock_miscounted", "stock_discrepancy", "unknown"})

Row = tuple[tuple[str, Any], ...]
Ask = Callable[[str, str, Mapping[str, object]], Any]


@pytest.fixture(scope="module")
def ask(mes: Running, mes_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Ask one of the deployments, all with the demo's ERP; an answer comes whole, with the rows of all its pages."""
    base, plant, rig = tmp_path_factory.mktemp("deployments"), mes_state / "plant", mes.rig
    password = rig.create_role(READER)
    rig.let_read(DATABASE, READER)
    rig.catch_up()
    erp = f"  erp: {{profile: demo-erp, url: {plant / 'erp.sqlite'}}}\n"
    _deploy(base / "demo", erp + f"  mes: {{profile: demo-mes, url: {plant / 'mes.sqlite'}}}\n")
    _deploy(base / "api", erp + _system("fsmes", mes.url, mes.account), mes.password)
    _deploy(base / "replica", erp + _system("fsmes-replica", rig.url(DATABASE, replica=True), READER), password)

    opened = {name: open_deployment(base / name / "erp-mcp.yaml") for name in ("demo", "api", "replica")}
    yield lambda name, tool, arguments: _whole(opened[name], tool, arguments)
    for one in opened.values():
        one.close()


def _whole(deployment: Deployment, tool: str, arguments: Mapping[str, object]) -> Any:
    whole: Any = None
    cursor: dict[str, object] = {}
    while whole is None or cursor:
        call = ToolCall(tool=tool, arguments={**arguments, **cursor}, call_id="call")  # type: ignore[dict-item]
        page: Any = answers.structured(asyncio.run(deployment.gateway.call(deployment.principal("planner"), call)))
        cursor = {"cursor": page["next_cursor"]} if page.get("next_cursor") else {}
        if whole is None:
            whole = page
            continue
        for name, table in page["tables"].items():
            whole["tables"][name]["rows"] += [one for one in table["rows"] if one not in whole["tables"][name]["rows"]]
    return whole


def _system(profile: str, url: str, account: str) -> str:
    return (
        f"  mes:\n    profile: {profile}\n    url: {url}\n    account: {account}\n    secret: file:secrets/mes\n"
        "    networks: [127.0.0.0/8]\n    limits: {requests_per_s: 1000, burst: 1000}\n"
    )


def _deploy(directory: Path, systems: str, secret: str = "") -> None:
    _cli("init", str(directory), "--deployment", f"floor-{directory.name}", "--site", SITE, "--site", "2000",
         "--owner", "tester", "--no-approver")  # fmt: skip
    file = directory / "erp-mcp.yaml"
    text = file.read_text(encoding="utf-8").split("systems: {}")[0]
    text = text.replace("environment: development", "environment: demo")
    text = text.replace("zone: Europe/Berlin}", f'zone: Europe/Berlin, clock: "{_CLOCK}"}}')
    file.write_text(f"{text}systems:\n{systems}", encoding="utf-8")
    (directory / "secrets").mkdir(mode=0o700)
    (directory / "secrets" / "mes").touch(mode=0o600)
    (directory / "secrets" / "mes").write_text(secret, encoding="utf-8")
    _cli("policy", "apply", "--yes", "--config", str(file))
    _cli("sync", "--config", str(file))


def _cli(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))  # in this process, which compiles the tools once
    assert done.exit_code == 0, (arguments, done.output[-3000:], done.exception)
    return done.stdout


def _rows(answer: Any, table: str, without: AbstractSet[str]) -> set[Row]:
    """Return the rows of a table as facts by name, without some columns."""
    return {
        tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in row.items())
        for row in _named(answer, table, without)
    }


def _named(answer: Any, table: str, without: AbstractSet[str] = frozenset()) -> list[dict[str, Any]]:
    found = answer["tables"][table]
    named = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
    return [{name: value for name, value in row.items() if name not in without} for row in named]


def _lacking(answer: Any) -> set[str]:
    """Return what an answer says that no source gives: entities, and fields of them."""
    return {".".join(filter(None, (gap["entity"], gap.get("field")))) for gap in answer.get("gaps", [])}


@covers("list_wip_jobs", (FSMES_REST, FSMES_REPLICA))
@guarantees("P7.same_answers")
@pytest.mark.parametrize(
    "arguments",
    [{}, {"state": ["Running"], "work_center_id": "ASM-01"}],
    ids=str,
)
def test_jobs_on_the_floor_are_the_same(ask: Ask, arguments: Mapping[str, object]) -> None:
    """The same orders, operations, machines, states and quantities; by the replica also times and units."""
    wanted = ask("demo", "list_wip_jobs", {"site": SITE, **arguments})
    by_api = ask("api", "list_wip_jobs", {"site": SITE, **arguments})
    by_replica = ask("replica", "list_wip_jobs", {"site": SITE, **arguments})
    known = _NEVER | _PLANNED | _NOT_BY_API
    assert _rows(by_api, "jobs", known) == _rows(wanted, "jobs", known) != set()
    assert _rows(by_replica, "jobs", _NEVER | _PLANNED) == _rows(wanted, "jobs", _NEVER | _PLANNED)
    assert _ends(wanted) == {order: end for order, end in _ends(by_replica).items() if order in _ends(wanted)} != {}


def _ends(answer: Any) -> dict[str, str]:
    """Return when jobs are expected to end, of those of which it is told."""
    jobs = _named(answer, "jobs")
    return {row["production_order_id"]: row["expected_finish"] for row in jobs if row["expected_finish"]}


@covers((QUESTIONS, "get_plant_briefing"), BY_DEPLOYMENT)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("deployment", ["api", "replica"])
def test_the_morning_briefing_is_the_same_but_for_what_this_mes_can_not_know(ask: Ask, deployment: str) -> None:
    """Machines that are down are found; that stock was not compared is said, never counted as none."""
    wanted, found = (ask(one, "get_plant_briefing", {"site": SITE}) for one in ("demo", deployment))
    for table in wanted["tables"]:
        assert _known(_rows(found, table, set())) == _known(_rows(wanted, table, set())), table
    assert {"PNT-01", "CNC-03"} <= {value for row in _rows(found, "top", set()) for _, value in row}
    assert "Not counted, no data: stock_miscounted." in found["warnings"]


@covers((QUESTIONS, "explain_late_order"), BY_DEPLOYMENT)
@guarantees("P7.same_answers", "P7.provenance")
@pytest.mark.parametrize("deployment", ["api", "replica"])
def test_why_orders_are_late_is_explained_the_same_way_and_less_sure(ask: Ask, deployment: str) -> None:
    """The same root cause of each; what could hide another one is named as a gap and takes from the confidence."""
    late = ask("demo", "list_sales_orders", {"late_only": True, "site": SITE})
    orders = next(iter(late["tables"].values()))
    place = orders["columns"].index("sales_order_id")
    for order in sorted({row[place] for row in orders["rows"]})[:3]:
        wanted, found = (ask(one, "explain_late_order", {"sales_order_id": order}) for one in ("demo", deployment))
        summary = _known(_rows(wanted, "summary", {"confidence"}))
        assert _known(_rows(found, "summary", {"confidence"})) == summary
        assert "in_flight_document" in str(found["tables"]["gaps"])


def _known(rows: set[Row]) -> set[Row]:
    """Return rows without those that compare stock, and what such a cause is called where stock can't be compared."""
    return {row for row in rows if not _COMPARES_STOCK & {value for _, value in row}}


@covers("get_shortages_for_order", BY_DEPLOYMENT)
@guarantees("P7.same_answers", "P7.provenance")
@pytest.mark.parametrize("deployment", ["api", "replica"])
def test_what_an_order_lacks_is_the_same(ask: Ask, deployment: str) -> None:
    """Where the ERP's stock can't be compared with the floor's, what the ERP says counts, and the gap is named."""
    late = ask("demo", "list_production_orders", {"site": SITE, "late_only": True})
    orders = next(iter(late["tables"].values()))
    place, alike = orders["columns"].index("production_order_id"), 0
    for order in sorted({row[place] for row in orders["rows"]})[:5]:
        arguments = {"production_order_id": order, "all_components": True}
        wanted, found = (ask(one, "get_shortages_for_order", arguments) for one in ("demo", deployment))
        assert _rows(found, "components", _COUNTED) == _rows(wanted, "components", _COUNTED), order
        assert found["complete"] is False
        assert any("in_flight_document" in text for text in found["warnings"])
        alike += _rows(found, "components", set()) == _rows(wanted, "components", set()) != set()
    assert alike > 1


# --- Tools of the shop floor ------------------------------------------------------------------------------------------


@covers("list_dispatch_list", (FSMES_REST, FSMES_REPLICA))
@guarantees("P7.same_answers", "P7.names_what_a_source_lacks")
def test_the_queue_of_each_machine_is_the_same(ask: Ask, floor: Floor) -> None:
    """In the same order by the replica; the API gives no planned start, so that the order of a queue is a gap."""
    queued, lacking = 0, []
    for machine in floor.machines:
        arguments = {"work_center_id": machine.code}
        wanted, by_api, by_replica = (ask(one, "list_dispatch_list", arguments) for one in ("demo", "api", "replica"))
        assert _rows(by_replica, "jobs", _NEVER | _PLANNED) == _rows(wanted, "jobs", _NEVER | _PLANNED), machine
        without = _NEVER | _PLANNED | _NOT_BY_API
        assert _rows(by_api, "jobs", without) == _rows(wanted, "jobs", without), machine
        for found in (by_api, by_replica):
            told = _priorities(wanted)
            assert {order: one for order, one in _priorities(found).items() if order in told} == told
        queued += len(_named(wanted, "jobs"))
        lacking.append((_lacking(by_api), _lacking(by_replica)))
    assert queued == sum(job.state != "DONE" for job in floor.jobs)
    assert lacking[0] == ({"job.started_at", "job.planned_start", "job.expected_finish"}, set())


def _priorities(answer: Any) -> dict[str, int]:
    return {row["production_order_id"]: row["priority"] for row in _named(answer, "jobs") if row["priority"]}


@covers("compare_order_erp_mes", BY_DEPLOYMENT)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("deployment", ["api", "replica"])
@pytest.mark.parametrize("more", [{}, {"unexplained_only": True}], ids=str)
def test_orders_differ_from_the_erp_in_the_same_fields(ask: Ask, deployment: str, more: Mapping[str, object]) -> None:
    """The planted miscounts among them; where no expected end is kept, that it is not compared is a gap."""
    wanted, found = (ask(one, "compare_order_erp_mes", {"site": SITE, **more}) for one in ("demo", deployment))
    aside = _NEVER | {"mes_as_of"}
    assert _rows(found, "differences", aside) == _rows(wanted, "differences", aside) != set()
    assert _rows(found, "compared", set()) == _rows(wanted, "compared", set())
    assert _lacking(found) == ({"job.expected_finish", "job.uom"} if deployment == "api" else set())


@covers("compare_stock_erp_mes", FSMES_REPLICA)
@guarantees("P7.same_answers", "P7.names_what_a_source_lacks")
def test_lots_are_counted_differently_by_as_much_and_nothing_is_said_of_why(ask: Ask) -> None:
    """What is on its way to the ERP is not told; so no difference is called explained, or unexplained."""
    wanted, found = (ask(one, "compare_stock_erp_mes", {"site": SITE}) for one in ("demo", "replica"))
    assert _rows(found, "differences", _BY_DOCUMENTS) == _rows(wanted, "differences", _BY_DOCUMENTS) != set()
    causes = {(row["likely_cause"], row["qty_unexplained"]) for row in _named(found, "differences")}
    assert causes == {("not_known", None)}
    assert _lacking(found) == {"in_flight_document"}


@guarantees("P7.names_what_a_source_lacks")
def test_lots_that_the_api_does_not_give_are_not_called_equal(ask: Ask) -> None:
    """Nothing was compared, and the answer says so."""
    found = ask("api", "compare_stock_erp_mes", {"site": SITE})
    assert (_named(found, "differences"), found["complete"]) == ([], False)
    assert any(text.startswith("Nothing was compared: no data of the shop floor") for text in found["warnings"])


@covers("get_downtime_pareto", FSMES_REPLICA)
@guarantees("P7.same_answers", "P7.names_what_a_source_lacks")
def test_reasons_of_downtime_are_the_same_by_the_replica(ask: Ask) -> None:
    """All stops of the window; which were planned it does not say, and asking for one kind is refused."""
    wanted, found = (ask(one, "get_downtime_pareto", {"site": SITE}) for one in ("demo", "replica"))
    for table in ("reasons", "total", "work_centers"):
        assert _rows(found, table, _WITHOUT_SHIFTS) == _rows(wanted, table, _WITHOUT_SHIFTS) != set(), table
    told = {row[name] for row in _named(found, "total") for name in _WITHOUT_SHIFTS}
    assert told == {None}
    assert _lacking(found) == {"downtime.planned", "shift_record"}
    refused = ask("replica", "get_downtime_pareto", {"site": SITE, "kind": "unplanned"})["error"]
    assert (refused["code"], refused["facts"]["argument"]) == ("answer.field_not_kept", "kind")


@covers("get_downtime_pareto", FSMES_REST)
@guarantees("P7.same_answers", "P7.names_what_a_source_lacks")
def test_by_the_api_the_stops_of_this_moment_are_the_same_and_that_others_are_unknown_is_said(ask: Ask) -> None:
    """Since when each machine stands still; a ranking of a month it is not."""
    wanted, found = (ask(one, "get_downtime_pareto", {"site": SITE}) for one in ("demo", "api"))
    kept = ("work_center_id", "site", "down_since")
    down = [{tuple(row[name] for name in kept) for row in _named(one, "work_centers")} for one in (wanted, found)]
    assert down[1] == {row for row in down[0] if row[2]} != set()
    assert "Only stops that last are known: those that are over are not told." in found["warnings"]
    assert _lacking(found) == {"downtime.planned", "downtime.ended_at", "shift_record"}


@covers("get_asset_history", BY_DEPLOYMENT)
@guarantees("P7.same_answers", "P7.names_what_a_source_lacks")
@pytest.mark.parametrize("deployment", ["api", "replica"])
def test_the_history_of_each_machine_is_the_same_without_unplanned_stops(
    ask: Ask, floor: Floor, deployment: str
) -> None:
    """Orders and their figures are the ERP's; which stops were unplanned this MES does not say."""
    orders = 0
    for machine in floor.machines:
        arguments = {"work_center_id": machine.code, "window_days": 366}
        wanted, found = (ask(one, "get_asset_history", arguments) for one in ("demo", deployment))
        assert _rows(found, "figures", _WITHOUT_PLANNED) == _rows(wanted, "figures", _WITHOUT_PLANNED), machine
        assert _rows(found, "events", set()) == _rows(wanted, "events", set()), machine
        assert {row["unplanned_stops"] for row in _named(found, "figures")} <= {None}
        assert "downtime.planned" in _lacking(found) or not _named(found, "figures"), machine
        orders += len(_named(found, "events"))
    assert orders > 10


@covers("list_maintenance_orders", BY_DEPLOYMENT)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("deployment", ["api", "replica"])
def test_machines_that_the_floor_calls_down_stand_beside_the_orders(ask: Ask, floor: Floor, deployment: str) -> None:
    """The demo's own feed of states is too old to be used; this MES says what is true now."""
    wanted, found = (ask(one, "list_maintenance_orders", {"site": SITE}) for one in ("demo", deployment))
    assert _rows(found, "orders", set()) == _rows(wanted, "orders", set()) != set()
    names = ("work_center_id", "since")
    down = {tuple(row[name] for name in names) for row in _named(found, "machines") if row["state"] == "down"}
    assert down == {(machine.code, machine.since) for machine in floor.machines if machine.state == "DOWN"} != set()
    assert _lacking(found) == set()


@covers("get_wip_ageing", FSMES_REPLICA)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("more", [{}, {"work_center_id": "ASM-01"}, {"buckets_h": ["24", "72"]}], ids=str)
def test_work_in_process_is_as_old_by_the_replica(ask: Ask, more: Mapping[str, object]) -> None:
    """Jobs by age, and what is in work with its value."""
    wanted, found = (ask(one, "get_wip_ageing", {"site": SITE, **more}) for one in ("demo", "replica"))
    assert _rows(found, "buckets", {"oldest_job_id"}) == _rows(wanted, "buckets", {"oldest_job_id"})
    assert _rows(found, "amounts", set()) == _rows(wanted, "amounts", set()) != set()


@covers("get_wip_ageing", FSMES_REST, refused="its API does not say when a job began")
@guarantees("P7.names_what_a_source_lacks")
def test_how_old_work_is_that_the_api_does_not_date_is_refused(ask: Ask) -> None:
    """No job would be as wrong as a guessed age."""
    refused = ask("api", "get_wip_ageing", {"site": SITE})["error"]
    assert (refused["code"], refused["facts"]["fields"]) == ("answer.field_not_kept", ["job.started_at"])


@covers("list_shortages", BY_DEPLOYMENT)
@guarantees("P7.same_answers", "P7.names_what_a_source_lacks")
@pytest.mark.parametrize("deployment", ["api", "replica"])
def test_shortages_are_the_same_but_for_those_that_only_counted_stock_shows(ask: Ask, deployment: str) -> None:
    """Stock that the ERP has and the floor does not is short once movements on their way are known; here a gap."""
    arguments = {"site": SITE, "horizon_days": 366}
    wanted, found = (ask(one, "list_shortages", arguments) for one in ("demo", deployment))
    counted = ask("demo", "compare_stock_erp_mes", {"site": SITE, "unexplained_only": True})
    off = {row["material_id"] for row in _named(counted, "differences")}
    alike = {row for row in _rows(wanted, "shortages", set()) if dict(row)["material_id"] not in off}
    assert {row for row in _rows(found, "shortages", set()) if dict(row)["material_id"] not in off} == alike
    assert len(alike) > 20
    assert "in_flight_document" in _lacking(found)
