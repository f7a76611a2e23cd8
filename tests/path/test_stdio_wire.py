"""What comes over the wire when the client is hostile, broken, hasty or gone: over real pipes, raw lines."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.server.wire import write_all
from tests.guarantees import guarantees
from tests.path.wire_client import FAKE_SERVER, HELLO, META, PATIENCE_S, RawServer, environment

CALL = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":%s}}\n'
DEEP = b"[" * 40 + b"]" * 40

# bytes, JSON-RPC code, rule, id that is answered
MALFORMED: list[tuple[bytes, int, str, Any]] = [
    (b"hello\n", -32700, "syntax", None),
    (b'{"jsonrpc":"2.0","id":7,"method":"tools/list"\n', -32700, "syntax", None),
    (b'{"jsonrpc":"2.0","id":7,"method":"tools/list"}}\n', -32700, "syntax", None),
    (b"{'id':7}\n", -32700, "syntax", None),
    (b'\xef\xbb\xbf{"jsonrpc":"2.0","id":7,"method":"ping"}\n', -32700, "byte_order_mark", 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"\xff"}\n', -32700, "encoding", None),
    (CALL % b'{"text":"\x01"}', -32700, "syntax", None),
    (CALL % b'{"text":"\\ud800"}', -32600, "lone_surrogate", 7),
    (CALL % b'{"text":"a","text":"b"}', -32600, "duplicate_key", 7),
    (b'{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}\n', -32600, "duplicate_key", None),
    (CALL % b'{"text":NaN}', -32600, "number", 7),
    (CALL % b'{"text":-Infinity}', -32600, "number", 7),
    (CALL % b'{"text":1e400}', -32600, "number", 7),
    (CALL % b'{"text":9007199254740993}', -32600, "number", 7),
    (CALL % (b'{"text":' + b"9" * 100_000 + b"}"), -32600, "number", 7),
    (CALL % (b'{"text":' + DEEP + b"}"), -32600, "depth", 7),
    (b"[" * 100_000 + b"\n", -32600, "depth", None),
    (CALL % (b'{"text":"' + b"x" * 300_000 + b'"}'), -32600, "too_large", None),
    (b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]\n', -32600, "message", None),
    (b"7\n", -32600, "message", None),
    (b'{"id":7,"method":"ping"}\n', -32600, "message", 7),
    (b'{"jsonrpc":"1.0","id":7,"method":"ping"}\n', -32600, "message", 7),
    (b'{"jsonrpc":"2.0","id":null,"method":"ping"}\n', -32600, "message", None),
    (b'{"jsonrpc":"2.0","id":true,"method":"ping"}\n', -32600, "message", None),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}\n', -32600, "message", None),
    (b'{"jsonrpc":"2.0","id":{},"method":"ping"}\n', -32600, "message", None),
    (b'{"jsonrpc":"2.0","id":7,"method":7}\n', -32600, "message", 7),
    (b'{"jsonrpc":"2.0","id":7}\n', -32600, "message", 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}\n', -32600, "message", 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"' + b"m" * 500 + b'"}\n', -32600, "message", 7),
]


@guarantees("input.clear_errors", "P9.bounded")
def test_each_malformed_message_is_refused_with_its_rule_and_the_connection_stays_up() -> None:
    """T79: whatever two readers could understand differently is answered, named and has no effect (G5, G6)."""
    with RawServer() as wire:
        wire.handshake()
        for sent, code, rule, request_id in MALFORMED:
            wire.send(sent)
            answer = wire.receive()
            shown = sent[:60]
            assert answer["error"]["code"] == code, shown
            assert answer["error"]["data"]["code"] == "call.malformed_request", shown
            assert answer["error"]["data"]["facts"]["rule"] == rule, shown
            assert answer["id"] == request_id, shown
        wire.call(1, "echo", text="still here")
        assert wire.receive()["id"] == 1


@guarantees("input.clear_errors", "mcp.fast_first_answer")
@pytest.mark.parametrize("number", [0, 8, 17, 18])
def test_malformed_first_message_is_answered_like_any_other(number: int) -> None:
    """The quick way to the first answer must not be a way around the front door."""
    sent, code, rule, request_id = MALFORMED[number]
    with RawServer() as wire:
        wire.send(sent)
        answer = wire.receive()
        assert wire.handshake()["result"]["serverInfo"]["name"] == "erp-mcp"

    assert (answer["error"]["code"], answer["error"]["data"]["facts"]["rule"], answer["id"]) == (code, rule, request_id)


@guarantees("input.clear_errors")
def test_unknown_method_early_call_and_wrong_parameters_have_the_codes_of_the_standard() -> None:
    """Clients probe with these codes."""
    with RawServer() as wire:
        wire.request(1, "tools/list")
        early = wire.receive()
        wire.handshake()
        wire.request(2, "no/such")
        wire.request(3, "tools/call", {"arguments": {}})
        wire.request(4, "tools/list", {"cursor": "of somebody else"})
        wire.request(5, "resources/list")
        answers = {1: early, **wire.receive_all(4)}

    codes = {number: answer["error"]["code"] for number, answer in answers.items()}
    assert codes == {1: -32602, 2: -32601, 3: -32602, 4: -32602, 5: -32601}


@guarantees("input.clear_errors")
def test_id_in_use_is_refused_and_the_first_request_goes_on() -> None:
    """Two requests of one id could not be told apart in the answers, or in a cancellation."""
    with RawServer() as wire:
        wire.handshake()
        wire.call("same", "wait", s="0.3")
        wire.call("same", "echo", text="intruder")
        refused, answered = wire.receive(), wire.receive()

    assert refused["error"]["code"] == -32600
    assert "result" in answered


@guarantees("mcp.clean_wire")
def test_blank_lines_replies_and_unknown_notices_are_passed_over() -> None:
    """None of them has an answer."""
    with RawServer() as wire:
        wire.handshake()
        wire.send(b"\n", b"  \r\n", {"jsonrpc": "2.0", "id": 99, "result": {}}, {"jsonrpc": "2.0", "method": "no/such"})
        wire.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 12345}})
        wire.send(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\r\n')

        assert wire.receive() == {"jsonrpc": "2.0", "id": 1, "result": {}}


@guarantees("mcp.clean_wire")
def test_prints_of_libraries_and_children_never_reach_the_wire() -> None:
    """Under the SDK's loop an unflushed print lands on the wire at exit, when descriptor 1 is given back (G17)."""
    with RawServer() as wire:
        wire.handshake()
        wire.call(1, "print")
        answer = wire.receive()
        rest = wire.rest()
        errors = wire.errors()

    assert answer["result"]["structuredContent"]["tables"]["rows"]["rows"][0][0] == ""  # nor can it read the wire
    assert rest == b""
    assert all(text in errors for text in ("buffered", "raw", "from a child"))


@guarantees("P9.bounded")
def test_calls_beyond_the_bound_are_refused_as_busy_and_others_are_served() -> None:
    """The SDK runs all that come (G12); here 32 calls run, and a refusal says to repeat."""
    with RawServer() as wire:
        wire.handshake()
        for number in range(40):
            wire.call(number, "wait", s="60")
        refused = wire.receive_all(8)
        wire.request("ping", "ping")
        alive = wire.receive()
        wire.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 0}})
        wire.call("again", "echo", text="x")
        again = wire.receive()

    codes = {answer["result"]["structuredContent"]["error"]["code"] for answer in refused.values()}
    assert codes == {"gateway.busy"}
    assert alive == {"jsonrpc": "2.0", "id": "ping", "result": {}}
    assert (again["id"], again["result"]["isError"]) == ("again", False)


@guarantees("P9.bounded")
def test_cancelled_call_stops_and_is_not_answered() -> None:
    """A client that gave up must not keep a place, nor get an answer it no longer expects."""
    with RawServer() as wire:
        wire.handshake()
        wire.call("slow", "wait", s="60")
        wire.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}})
        wire.call("next", "wait", s="0")
        answer = wire.receive()
        rest = wire.rest()

    assert answer["id"] == "next"
    assert answer["result"]["structuredContent"]["tables"]["rows"]["rows"][0][0] == "1"  # alone: the other has stopped
    assert rest == b""


@guarantees("P9.bounded")
def test_ten_thousand_pipelined_calls_are_all_answered_in_bounded_memory() -> None:
    """A client that writes without reading is held up by its own pipe, not collected in memory."""
    calls = b"".join(CALL.replace(b'"id":7', b'"id":%d' % number) % b'{"text":"x"}' for number in range(1, 10_001))
    with RawServer() as wire:
        wire.handshake()
        wire.call(0, "echo", text="warm")
        wire.receive()
        before = _peak_kb(wire.process.pid)
        feeder = threading.Thread(target=write_all, args=(wire.stdin.fileno(), calls))
        feeder.start()
        answers = wire.receive_all(10_000)
        feeder.join()
        after = _peak_kb(wire.process.pid)

    assert len(answers) == 10_000
    assert not any(answer["result"]["isError"] for answer in answers.values())
    assert after - before < 16_000


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

    assert (rest, wire.errors(), wire.process.returncode) == (b"", "", 0)


@guarantees("P10.survives")
def test_client_that_stops_reading_and_goes_ends_the_server_quietly() -> None:
    """A broken pipe is how hosts leave."""
    with RawServer() as wire:
        wire.handshake()
        wire.stdout.close()
        wire.call(1, "echo", text="to nobody")
        wire.process.wait(20)
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


# --- The first answer -------------------------------------------------------------------------------------------------

# An interpreter in which heavy modules never finish loading.
HELD_BACK = """
import sys, threading

HEAVY = {"asyncio", "mcp", "mcp_types", "pydantic", "anyio", "sqlite3", "sqlalchemy", "dataclasses", "click", "ruamel"}

class Gate:
    def find_spec(self, name, path=None, target=None):
        if name in HEAVY or name == "erp_mcp.bootstrap":
            threading.Event().wait()

sys.meta_path.insert(0, Gate())
sys.argv = ["erp-mcp", "serve"]

from erp_mcp.__main__ import main

main()
"""


@guarantees("mcp.fast_first_answer")
@pytest.mark.parametrize("method", ["initialize", "server/discover", "ping"])
def test_first_messages_are_answered_while_every_heavy_import_is_held_back(method: str) -> None:
    """Not a matter of timing: `erp-mcp serve` is given an interpreter in which heavy modules never finish loading."""
    params = {"initialize": HELLO, "server/discover": {"_meta": META}, "ping": {}}[method]
    with RawServer(command=[sys.executable, "-c", HELD_BACK]) as wire:
        for number in range(3):
            wire.request(number, method, params)
            assert "result" in wire.receive()


@guarantees("mcp.fast_first_answer")
@pytest.mark.parametrize("capabilities", [{}, {"roots": {"listChanged": True}, "elicitation": {"form": {}}}])
@pytest.mark.parametrize("method", ["initialize", "server/discover", "ping"])
def test_quick_answer_is_what_the_sdk_answers(method: str, capabilities: dict[str, Any]) -> None:
    """The second of two equal requests is answered by the SDK's server, the first before it is there."""
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": capabilities}
    params = {
        "initialize": {**HELLO, "capabilities": capabilities},
        "server/discover": {"_meta": meta},
        "ping": {},
    }[method]
    with RawServer() as wire:
        wire.request(1, method, params)
        quick = wire.receive()
        wire.request("wake", "no/such")  # nothing quick about this one: from here the SDK's server answers
        wire.receive()
        wire.request(1, method, params)
        slow = wire.receive()

    assert quick == slow


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


@guarantees("input.clear_errors")
def test_server_started_without_standard_input_says_so() -> None:
    """A mistake of whoever starts it, told in one line."""
    command = ["sh", "-c", 'exec 0<&-; exec "$0" "$1"', sys.executable, str(FAKE_SERVER)]
    with RawServer(command=command) as wire:
        wire.process.wait(PATIENCE_S)

        assert wire.process.returncode == 1
        assert wire.errors() == "erp-mcp: there is no standard input or output to serve\n"


@guarantees("mcp.fast_first_answer")
def test_client_that_closes_at_once_costs_no_import() -> None:
    """Hosts start servers to look whether they start."""
    with RawServer() as wire:
        assert wire.rest() == b""
        assert wire.process.returncode == 0


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
