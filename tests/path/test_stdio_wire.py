"""What comes over the wire when the client is hostile, broken, hasty or gone: over real pipes, raw lines."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.server.wire import write_all
from tests.guarantees import guarantees
from tests.path.wire_client import META, RawServer
from tests.warm import COLD, used

pytestmark = pytest.mark.usefixtures("warm_servers")

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
        wire.request(5, "resources/write")
        answers = {1: early, **wire.receive_all(4)}

    codes = {number: answer["error"]["code"] for number, answer in answers.items()}
    assert codes == {1: -32602, 2: -32601, 3: -32602, 4: -32602, 5: -32601}
    told = {number: answers[number]["error"]["data"] for number in (1, 3)}
    assert [(told[number]["code"], told[number]["facts"]["rule"]) for number in told] == [
        ("call.malformed_request", "handshake"),
        ("call.malformed_request", "params"),
    ]


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("params", "member"),
    [
        ({}, "name"),
        ({"name": 5}, "name"),
        ({"name": "echo", "arguments": []}, "arguments"),
        ({"name": "echo", "_meta": 1}, "_meta"),
    ],
)
@pytest.mark.parametrize("era", [{}, {"_meta": META}], ids=["handshake", "stateless"])
def test_a_call_of_the_wrong_form_is_told_which_member_is_wrong(
    era: dict[str, Any], params: dict[str, Any], member: str
) -> None:
    """A bare "invalid parameters" leaves a client guessing; what it sent is not repeated."""
    with RawServer() as wire:
        wire.handshake()
        wire.request(1, "tools/call", {**era, **params})
        error = wire.receive()["error"]

    assert error["code"] == -32602
    assert f'"{member}"' in error["data"]["facts"]["reason"]
    assert error["data"]["call_id"]


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


@guarantees("input.clear_errors")
def test_only_the_id_itself_cancels_a_request() -> None:
    """In Python true equals 1; in JSON it is no id, and text is another id than a number."""
    with RawServer() as wire:
        wire.handshake()
        wire.call(1, "wait", s="0.3")
        for wrong in (True, "1", 1.5, None, [1]):
            wire.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": wrong}})
        answer = wire.receive()

    assert (answer["id"], answer["result"]["isError"]) == (1, False)


@guarantees("P9.bounded")
def test_ten_thousand_pipelined_calls_are_all_answered_in_bounded_memory() -> None:
    """A client that writes without reading is held up by its own pipe, not collected in memory."""
    calls = b"".join(CALL.replace(b'"id":7', b'"id":%d' % number) % b'{"text":"x"}' for number in range(1, 10_001))
    with used(COLD), RawServer() as wire:  # whose memory is looked at
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


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
