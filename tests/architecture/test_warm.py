"""Servers that are forked of a process that has imported the package: the same to whoever starts them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli import one_shot_worker
from tests.guarantees import guarantees
from tests.path.wire_client import PATIENCE_S, RawServer
from tests.prepared import DemoPlant
from tests.warm import COLD, Warm, served_by, used, warmed

START = Path(__file__).parents[1] / "warm" / "start.py"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """A demo plant that nobody changes."""
    return demo_plant(tmp_path_factory.mktemp("warm") / "demo")


@pytest.fixture
def served(plant: Path, warm: Warm) -> Iterator[RawServer]:
    """A server that was started so."""
    with RawServer(command=warm.command("serve", "--demo-dir", str(plant), "--as", "planner")) as wire:
        yield wire


def has_ended(wire: RawServer) -> bool:
    """Whether nobody holds the end of its output any more, before long."""
    ready, _, _ = select.select([wire.stdout], [], [], PATIENCE_S)
    return bool(ready) and os.read(wire.stdout.fileno(), 1) == b""


@guarantees("docs.agree")
@pytest.mark.parametrize("arguments", [["--version"], ["no-such-command"], ["policy", "check", "--demo-dir", "gone"]])
def test_a_command_says_and_ends_as_one_that_was_started_anew(arguments: list[str], warm: Warm, tmp_path: Path) -> None:
    """Both outputs and the status, in a folder and an environment of the asker's own."""
    told = [
        subprocess.run(
            one.command(*arguments), cwd=tmp_path, env={"COLUMNS": "70", "HOME": str(tmp_path)},
            capture_output=True, text=True, check=False,
        )
        for one in (warm, Warm(None))
    ]  # fmt: skip

    assert len({one.returncode for one in told}) == 1
    assert len({(one.stdout, one.stderr) for one in told}) == 1
    assert told[0].stdout + told[0].stderr


@guarantees("docs.agree")
def test_a_server_answers_and_ends_with_its_input(served: RawServer) -> None:
    """As hosts end one, with nothing left running."""
    assert served.handshake()["result"]["serverInfo"]["name"]
    served.call(1, "list_wip_jobs")
    assert not served.receive()["result"]["isError"]

    assert served.rest() == b""
    assert served.process.wait(PATIENCE_S) == 0


@guarantees("docs.agree")
def test_a_signal_goes_on_to_the_server(served: RawServer) -> None:
    """It ends as it would of a signal of its own: with status 0."""
    served.handshake()
    served.call(1, "list_wip_jobs")
    served.receive()

    served.stop(signal.SIGTERM)

    assert served.process.wait(PATIENCE_S) == 0


@guarantees("docs.agree")
def test_what_is_killed_takes_its_server_with_it(plant: Path, warm: Warm) -> None:
    """The end of its output is the sign: while the server lived, that would stay open."""
    with RawServer(command=warm.command("serve", "--demo-dir", str(plant), "--as", "planner")) as wire:
        wire.handshake()
        wire.process.kill()
        assert wire.process.wait(PATIENCE_S) == -signal.SIGKILL
        assert has_ended(wire)


@guarantees("docs.agree")
def test_with_the_parent_all_that_it_started_ends(plant: Path) -> None:
    """A file of tests that fails leaves nothing running."""
    with warmed() as one:
        wire = RawServer(command=one.command("serve", "--demo-dir", str(plant), "--as", "planner"))
        wire.handshake()
    with wire:
        assert has_ended(wire)
        assert wire.process.wait(PATIENCE_S) == -signal.SIGKILL


@guarantees("docs.agree")
def test_only_servers_and_only_where_a_file_says_so_are_started_so(warm: Warm) -> None:
    """What tests of the start itself start is what a host starts."""
    server = [sys.executable, "-m", "erp_mcp", "serve", "--as", "a"]
    worker = [sys.executable, "-P", "-m", "erp_mcp", "worker", "--once"]
    others = [sys.executable, "anything.py"], [sys.executable, "-m", "tests.worst_case.holed", "serve", "--as", "a"]

    assert served_by(server) == COLD.instead_of(server) == server
    with used(warm):
        assert str(START) in served_by(server)
        assert served_by(server)[-3:] == server[-3:]
        assert str(START) in served_by(worker)
        assert served_by(worker)[-2:] == worker[-2:]
        assert [served_by(other) for other in others] == [*others]
    assert served_by(server) == server


@guarantees("docs.agree")
@pytest.mark.parametrize("broken", [False, True])
def test_the_worker_of_an_approval_is_one_of_these_where_a_file_says_so(
    plant: Path, warm: Warm, broken: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its end is waited for, and its status and last words come to whoever approved."""
    told = []
    deployment = open_deployment(plant / "erp-mcp.yaml")
    settings = deployment.settings
    if broken:
        deployment.settings = replace(settings, file=tmp_path / "gone.yaml")
    try:
        for one in (warm, COLD):
            with used(one), mock.patch("tests.warm.served_by", side_effect=served_by) as asked:
                one_shot_worker.run(deployment)
            assert asked.call_count == 1
            told.append(capsys.readouterr())
    finally:
        deployment.settings = settings
        deployment.close()

    assert told[0] == told[1]
    assert ("The worker ended with status" in told[0].err) == broken
