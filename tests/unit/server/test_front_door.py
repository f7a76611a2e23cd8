"""From one line to one typed message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.server import front_door
from erp_mcp.server.rpc import Fault, Notice, Reply, Request, notice_line, result_line
from tests.guarantees import guarantees


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', Request(1, "ping", None)),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":1}}', Request("a", "ping", {"x": 1})),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', Notice("notifications/initialized", None)),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', Reply(1)),
        (b'{"jsonrpc":"2.0","id":null,"error":{}}', Reply(None)),
        (b" \t\r", None),
    ],
)
def test_each_kind_of_message_is_recognised(line: bytes, message: object) -> None:
    """JSON-RPC 2.0: a request has an id, a notification has none, a reply has no method."""
    assert front_door.read(line) == message


@guarantees("input.clear_errors")
def test_id_longer_than_allowed_is_refused_and_not_echoed() -> None:
    """What is echoed is bounded like everything else."""
    message = front_door.read(json.dumps({"jsonrpc": "2.0", "id": "x" * 300, "method": "ping"}).encode())

    assert isinstance(message, Fault)
    assert message.id is None


@guarantees("input.clear_errors")
@given(st.binary(max_size=300))
def test_any_bytes_become_a_message_or_a_fault(line: bytes) -> None:
    """The door never raises, or the loop behind it would end."""
    assert isinstance(front_door.read(line), Request | Notice | Reply | Fault | None)


@guarantees("mcp.clean_wire")
def test_lines_written_hold_no_character_that_some_clients_take_for_a_line_end() -> None:
    """U+2028 ends a line for some readers of lines."""
    line = result_line(1, {"text": "a\u2028b\nc\u0085"})

    assert line.isascii()
    assert line.count(b"\n") == 1
    assert len(line.splitlines()) == 1


@guarantees("mcp.clean_wire")
def test_notice_without_parameters_has_no_such_member() -> None:
    """JSON-RPC 2.0 forbids `"params": null`."""
    assert json.loads(notice_line("a/b", None)) == {"jsonrpc": "2.0", "method": "a/b"}


@guarantees("P7.exact_numbers")
def test_result_that_is_no_json_is_not_written() -> None:
    """Better no answer than one that each client reads as it likes."""
    with pytest.raises(ValueError, match="JSON compliant"):
        result_line(1, {"value": float("nan")})
