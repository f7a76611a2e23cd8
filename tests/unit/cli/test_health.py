"""`erp-mcp health`: what a person sees of a system in trouble, and that the figures are those of the deployment."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.traffic import Ending, TrafficKind
from erp_mcp.egress.places import where_to
from erp_mcp.errors import GatewayError
from tests.guarantees import guarantees

CONFIG = """\
version: 1
deployment: works
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
systems:
  erp:
    profile: tryton
    url: http://127.0.0.1:PORT
    database: db
    account: gateway
    secret: env:ERP_MCP_TEST_SECRET
    limits: {failures: 2, window: 4, rest_s: 30, concurrent: 3}
  a-system-with-a-long-name: {profile: tryton, url: "http://127.0.0.1:9", database: db, account: a}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ERP_MCP_TEST_SECRET", "not a secret at all")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    file = tmp_path / "erp-mcp.yaml"
    file.write_text(CONFIG.replace("PORT", str(port)), encoding="utf-8")
    return file


@pytest.fixture
def deployment(config: Path) -> Iterator[Deployment]:
    with closing(open_deployment(config)) as one:
        yield one


def health(config: Path) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(main, ["health", "--config", str(config), "--json"])
    return result.exit_code, {one["system"]: one for one in json.loads(result.stdout)}


def shown(config: Path) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, ["health", "--config", str(config)])
    return result.exit_code, result.stdout.splitlines()


def ends(deployment: Deployment, *endings: Ending, kind: TrafficKind = "read", pause_s: float = 0.0) -> None:
    limits, where = deployment.system("erp").limits, where_to(deployment.system("erp").url)
    for ending in endings:
        ticket = deployment.traffic.admit("erp", kind, limits, where=where).ticket
        assert ticket
        deployment.traffic.finish("erp", kind, limits, ticket, ending, where=where, pause_s=pause_s)


async def probed(deployment: Deployment) -> str:
    """Return the code that a probe of the system ends with."""
    adapter = deployment.adapter(deployment.system("erp"))
    try:
        await adapter.probe()
    except GatewayError as failure:
        return failure.code
    finally:
        await adapter.close()
    return ""


@guarantees("P9.told")
def test_a_deployment_that_asked_nothing_yet_is_well(config: Path) -> None:
    """Every system is shown all the same, and no file is made for it."""
    status, systems = health(config)
    assert (status, set(systems)) == (0, {"erp", "a-system-with-a-long-name"})
    assert systems["erp"]["read"] == {
        "breaker": "closed", "rest_s": 0, "running": 0, "tokens": 20, "failures": 0, "requests": 0, "retries": 0,
        "turned_away": 0,
    }  # fmt: skip
    assert not (config.parent / "state" / "traffic.sqlite").exists()


@guarantees("P9.told", "P9.breaker")
def test_a_system_that_rests_is_shown_with_how_long_and_the_command_fails(config: Path, deployment: Deployment) -> None:
    """For people a line, for programs a status and seconds."""
    ends(deployment, "answered", "failed", "failed")
    status, systems = health(config)
    lane = systems["erp"]["read"]
    assert (status, systems["erp"]["resting"], lane["breaker"], lane["failures"]) == (1, True, "open", 2)
    assert 25 <= lane["rest_s"] <= 30
    assert not systems["a-system-with-a-long-name"]["resting"]
    status, lines = shown(config)
    assert status == 1
    assert any("rests" in line and "2/2" in line and line.startswith("erp ") for line in lines)


@guarantees("P9.told", "P9.breaker")
def test_a_system_whose_address_was_corrected_is_shown_as_it_is_there(config: Path, deployment: Deployment) -> None:
    """What the old address did is no news of the new one, and nothing rests for it."""
    ends(deployment, "answered", "failed", "failed")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("url: http://127.0.0.1:", "url: http://localhost:"), encoding="utf-8")
    status, systems = health(config)
    assert (status, systems["erp"]["resting"], systems["erp"]["read"]["requests"]) == (0, False, 0)


@guarantees("P9.told")
def test_a_system_that_asked_to_be_left_alone_is_shown(config: Path, deployment: Deployment) -> None:
    """Both of reads and writes, since neither goes."""
    ends(deployment, "turned_away", kind="write", pause_s=600.0)
    status, systems = health(config)
    assert (status, systems["erp"]["write"]["turned_away"]) == (1, 1)
    assert min(systems["erp"][kind]["rest_s"] for kind in ("read", "write")) > 590
    assert sum("paused" in line for line in shown(config)[1]) == 2


@guarantees("P9.told")
def test_what_runs_and_the_probe_are_shown(config: Path, deployment: Deployment) -> None:
    """One half-open system, three requests under way in another kind."""
    limits = replace(deployment.system("erp").limits, rest_s=0.001)
    traffic, where = deployment.traffic, where_to(deployment.system("erp").url)
    for _ in range(2):
        ticket = traffic.admit("erp", "read", limits, where=where).ticket
        traffic.finish("erp", "read", limits, ticket, "failed", where=where)
    while not traffic.admit("erp", "read", limits, where=where).probe:
        pass
    assert traffic.admit("erp", "write", limits, where=where).granted
    status, lines = shown(config)
    assert status == 1
    assert any("one probe" in line and "1/3" in line for line in lines)
    assert any("writes" in line and "1/3" in line and "ready" in line for line in lines)


@guarantees("P9.told", "cli.teaches")
def test_it_fits_a_terminal_of_eighty_columns(config: Path, deployment: Deployment) -> None:
    """Whatever the names and figures."""
    ends(deployment, "answered", "failed", "failed")
    assert max(map(len, shown(config)[1])) <= 80
    text = CliRunner(env={"COLUMNS": "80"}).invoke(main, ["health", "--help"]).stdout
    assert max(map(len, text.splitlines())) <= 80


@guarantees("P9.limits", "P9.breaker", "P9.told")
def test_what_adapters_do_counts_for_the_whole_deployment(config: Path, deployment: Deployment) -> None:
    """Read by one process, seen by another: the system is down, so it rests for everybody."""
    assert asyncio.run(probed(deployment)) == "adapter.unreachable"
    with closing(open_deployment(config)) as other:
        assert asyncio.run(probed(other)) == "adapter.resting"
        state = other.traffic.states()[0]
    assert (state.breaker, state.requests, state.retries) == ("open", 2, 1)
    assert health(config)[0] == 1
