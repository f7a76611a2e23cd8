"""JSON-RPC 2.0 messages and errors; named tuples, because dataclasses cost start-up time before the first answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from erp_mcp.domain.call import JsonValue
    from erp_mcp.errors import GatewayError

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
CAPABILITY_MISSING: Final = -32021  # since 2026-07-28
INTERNAL_ERROR: Final = -32603
SERVER_BUSY: Final = -32000
RESOURCE_NOT_FOUND: Final = -32002  # to 2025-11-25; since then it is one of the invalid parameters

RequestId = int | str


class Request(NamedTuple):
    """A request: it is answered exactly once, unless its sender cancels it."""

    id: RequestId
    method: str
    params: dict[str, JsonValue] | None


class Notice(NamedTuple):
    """A notification: never answered."""

    method: str
    params: dict[str, JsonValue] | None


class Reply(NamedTuple):
    """The client's answer to a request of the server."""

    id: RequestId | None


class Fault(NamedTuple):
    """Bytes that are no message, and what is answered to them."""

    id: RequestId | None
    error: RpcError


Message = Request | Notice | Reply | Fault


class RpcError(Exception):
    """A JSON-RPC error: `code`, `message` and `data` go onto the wire as they are."""

    def __init__(self, code: int, message: str, data: JsonValue = None) -> None:
        """Keep what is sent; nothing of a cause goes with it."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def error_from(code: int, message: str, cause: GatewayError) -> RpcError:
    """Return a JSON-RPC error whose data are the stable code, the advice and the facts of `cause`."""
    data: dict[str, JsonValue] = {"code": cause.code, "summary": cause.summary, "advice": cause.advice}
    if cause.facts:
        data["facts"] = {name: list(fact) if isinstance(fact, tuple) else fact for name, fact in cause.facts.items()}
    return RpcError(code, message, data)


def result_line(request_id: RequestId, result: Mapping[str, JsonValue]) -> bytes:
    """Return the line that answers a request.

    Raises:
        ValueError: the result holds NaN or an infinity, which are not JSON.
        TypeError: the result holds what JSON has no form for.
    """
    return _line({"jsonrpc": "2.0", "id": request_id, "result": result})


def error_line(request_id: RequestId | None, error: RpcError) -> bytes:
    """Return the line that refuses a request; `None` when the bytes did not say which."""
    body: dict[str, JsonValue] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return _line({"jsonrpc": "2.0", "id": request_id, "error": body})


def request_line(request_id: RequestId, method: str, params: Mapping[str, JsonValue] | None) -> bytes:
    """Return the line of a request to the client."""
    return _line({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}})


def notice_line(method: str, params: Mapping[str, JsonValue] | None) -> bytes:
    """Return the line of a notification."""
    message: dict[str, object] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    return _line(message)


def _line(message: Mapping[str, object]) -> bytes:
    # ASCII: some clients split lines at U+2028 as well, and a lone surrogate could not be written as UTF-8.
    return _ENCODER.encode(message).encode("ascii") + b"\n"


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
