"""The shop-floor questions asked of three deployments: the demo's own MES, this MES by its API, and by a replica."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.guarantees import guarantees
from tests.systems.fsmes.conftest import READER
from tests.systems.fsmes.export import SITE
from tests.systems.fsmes.server import DATABASE, Running
from tests.systems.matrix.covering import FSMES_REPLICA, FSMES_REST, QUESTIONS, Of, covers

pytestmark = pytest.mark.live

_CLOCK: Final = "2026-03-16T05:00:00Z"
_NEVER: Final = {"job_id", "expected_finish"}  # each MES numbers jobs its own way; this one keeps no expected end
_NOT_BY_API: Final = {"started_at", "age_h", "uom"}
BY_DEPLOYMENT: Final = Of("deployment", {"api": FSMES_REST, "replica": FSMES_REPLICA})
# What is reserved from stock that the floor counts otherwise, and what is short and bought for it.
_COUNTED: Final = {
    "qty_reserved", "qty_short", "next_supply_type", "next_supply_id", "next_supply_date", "next_supply_qty"
}  # fmt: skip
# Comparing stock needs movements on their way to the ERP, which this MES does not tell; such a cause is then unknown.
_COMPARES_STOCK: Final = frozenset({"stock_miscounted", "stock_discrepancy", "unknown"})

Row = tuple[tuple[str, str | int | None], ...]
Ask = Callable[[str, str, Mapping[str, object]], Any]


@pytest.fixture(scope="module")
def ask(mes: Running, mes_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Ask one of the deployments, all with the demo's ERP."""
    base, plant, rig = tmp_path_factory.mktemp("deployments"), mes_state / "plant", mes.rig
    password = rig.create_role(READER)
    rig.let_read(DATABASE, READER)
    rig.catch_up()
    erp = f"  erp: {{profile: demo-erp, url: {plant / 'erp.sqlite'}}}\n"
    _deploy(base / "demo", erp + f"  mes: {{profile: demo-mes, url: {plant / 'mes.sqlite'}}}\n")
    _deploy(base / "api", erp + _system("fsmes", mes.url, mes.account), mes.password)
    _deploy(base / "replica", erp + _system("fsmes-replica", rig.url(DATABASE, replica=True), READER), password)

    def asked(deployment: str, tool: str, arguments: Mapping[str, object]) -> Any:
        config = str(base / deployment / "erp-mcp.yaml")
        return json.loads(_cli("tools", "call", tool, json.dumps(arguments), "--json", "--config", config))

    return asked


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
    command = [sys.executable, "-m", "erp_mcp", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, (arguments, done.stdout[-1500:], done.stderr[-1500:])
    return done.stdout


def _rows(answer: Any, table: str, without: set[str]) -> set[Row]:
    """Return the rows of a table as facts by name, without some columns."""
    found = answer["tables"][table]
    return {
        tuple((name, value) for name, value in zip(found["columns"], row, strict=True) if name not in without)
        for row in found["rows"]
    }


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
    known = _NEVER | _NOT_BY_API
    assert _rows(by_api, "jobs", known) == _rows(wanted, "jobs", known) != set()
    assert _rows(by_replica, "jobs", _NEVER) == _rows(wanted, "jobs", _NEVER)


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
