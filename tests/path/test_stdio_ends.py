"""How a server starts in bad company and how it ends: over real pipes."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guarantees import guarantees
from tests.path.wire_client import PATIENCE_S, RawServer, environment
from tests.warm import FAKE_SERVER


@guarantees("P10.survives", "mcp.clean_wire")
def test_end_of_input_lets_calls_under_way_be_answered() -> None:
    """`printf … | erp-mcp serve` is a fair client: it says all it has to say, then listens."""
    with RawServer() as wire:
        wire.handshake()
        wire.call(1, "wait", s="0.3")
        rest = wire.rest()

    assert json.loads(rest)["id"] == 1
    assert wire.process.returncode == 0


@guarantees("P10.survives")
def test_last_message_without_a_line_end_counts_and_half_a_message_is_refused() -> None:
    """A client that died in the middle of a message has said nothing; one that forgot the line end has."""
    with RawServer() as wire:
        wire.handshake()
        wire.send(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
        whole = wire.rest()
    with RawServer() as wire:
        wire.handshake()
        wire.send(b'{"jsonrpc":"2.0","id":1,"meth')
        half = wire.rest()

    assert json.loads(whole) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert json.loads(half)["error"]["code"] == -32700
    assert wire.process.returncode == 0


@guarantees("P10.survives")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_server_cleanly(number: signal.Signals) -> None:
    """Hosts send SIGTERM; people press Ctrl-C; neither wants a trace."""
    with RawServer() as wire:
        wire.handshake()
        wire.call(1, "wait", s="60")
        wire.request(2, "ping")
        wire.receive()
        rest = wire.stop(number)
        errors = wire.errors()

    assert (rest, errors, wire.process.returncode) == (b"", "", 0)


@guarantees("P10.survives")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_right_after_the_first_answer_ends_the_server_cleanly(number: signal.Signals) -> None:
    """Modules are being imported then; hosts that only look whether a server starts send it just there."""
    with RawServer() as wire:
        wire.handshake()
        rest = wire.stop(number)
        errors = wire.errors()

    assert (rest, errors, wire.process.returncode) == (b"", "", 0)


@guarantees("P10.survives")
def test_a_signal_counts_where_a_shell_in_the_background_had_it_ignored() -> None:
    """A pipeline that is started with `&` hands SIGINT on as ignored; a server that misses it stays for ever."""
    ignored = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    with RawServer(command=[sys.executable, "-c", ignored, sys.executable, str(FAKE_SERVER)]) as wire:
        wire.handshake()
        rest = wire.stop(signal.SIGINT)
        errors = wire.errors()

    assert (rest, errors, wire.process.returncode) == (b"", "", 0)


@guarantees("P10.survives")
def test_client_that_stops_reading_and_goes_ends_the_server_quietly() -> None:
    """A broken pipe is how hosts leave."""
    with RawServer() as wire:
        wire.handshake()
        wire.stdout.close()
        wire.call(1, "echo", text="to nobody")
        wire.process.wait(PATIENCE_S)
        errors = wire.errors()

    assert (errors, wire.process.returncode) == ("", 0)


# A host that starts the server of its argument and says when it runs.
HOST = """
import subprocess, sys, time

server = subprocess.Popen([sys.executable, sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print("started", flush=True)
time.sleep(60)
"""


@guarantees("P10.survives")
def test_server_ends_when_its_client_is_killed() -> None:
    """Killed hosts must not leave servers behind: the last holder of this pipe's other end is the server."""
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, FAKE_SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert host.stdout
    assert host.stderr
    host.stdout.readline()
    host.kill()
    host.wait()
    ended, _, _ = select.select([host.stderr], [], [], PATIENCE_S)
    said = host.stderr.read() if ended else b"still running"
    host.stdout.close()
    host.stderr.close()

    assert said == b""


@guarantees("input.clear_errors", "P8.no_leaks")
def test_broken_set_up_leaves_an_empty_list_and_the_reason_on_standard_error(tmp_path: Path) -> None:
    """A host shows a crashed server as a mystery; an empty list with a reason in its log can be mended."""
    (tmp_path / "broken").touch()
    with RawServer(tmp_path) as wire:
        wire.handshake()
        wire.request(1, "tools/list")
        wire.call(2, "echo", text="x")
        wire.request(3, "ping")
        answers = wire.receive_all(3)
        errors = wire.errors()

    assert answers[1]["result"]["tools"] == []
    assert answers[2]["error"]["code"] == -32602
    assert answers[3]["result"] == {}
    assert "settings.bad_configuration" in errors


@guarantees("mcp.clean_wire")
def test_server_started_without_standard_error_keeps_the_wire_clean() -> None:
    """The next descriptor opened would be number 2, and whatever is said there would be said to the client."""
    command = ["sh", "-c", 'exec 2>&-; exec "$0" "$1"', sys.executable, str(FAKE_SERVER)]
    with RawServer(command=command) as wire:
        wire.handshake()
        wire.call(1, "raise")
        wire.call(2, "print")
        answers = wire.receive_all(2)

        assert sorted(answers) == [1, 2]
        assert wire.rest() == b""


@guarantees("P10.survives", "P8.no_leaks")
@pytest.mark.parametrize("tool", ["raise", "log"])
def test_host_that_never_reads_standard_error_is_answered_all_the_same(tool: str) -> None:
    """Hosts may ignore it, and a full pipe holds up whoever writes: lines are lost instead, and none holds a secret."""
    with RawServer() as wire:
        wire.handshake()
        for number in range(1, 1_501):  # a pipe holds about 400 such lines
            wire.call(number, tool)
            assert wire.receive()["id"] == number
        said = wire.errors()

    assert said.startswith("erp-mcp: ")
    assert "RuntimeError" in said
    assert "hunter2" not in said


@guarantees("input.clear_errors")
def test_server_started_without_standard_input_says_so() -> None:
    """A mistake of whoever starts it, told in one line."""
    command = ["sh", "-c", 'exec 0<&-; exec "$0" "$1"', sys.executable, str(FAKE_SERVER)]
    with RawServer(command=command) as wire:
        wire.process.wait(PATIENCE_S)

        assert wire.process.returncode == 1
        assert wire.errors() == "erp-mcp: there is no standard input or output to serve\n"
