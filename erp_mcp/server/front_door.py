"""The front door: one line of bytes becomes one typed message, or a fault that says what is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypeGuard

from erp_mcp.domain import strict_json
from erp_mcp.errors import MalformedRequestError
from erp_mcp.server.rpc import INVALID_REQUEST, PARSE_ERROR, Fault, Message, Notice, Reply, Request, error_from

if TYPE_CHECKING:
    from erp_mcp.domain.call import JsonValue
    from erp_mcp.server.rpc import RequestId

MAX_ID_CHARACTERS: Final = 256
MAX_METHOD_CHARACTERS: Final = 128

# Rules by which the bytes are no JSON at all; the others refuse JSON that could be read in more than one way.
_NO_JSON: Final = frozenset({"byte_order_mark", "encoding", "syntax"})


def read(line: bytes) -> Message | None:
    """Return the message that one line carries, or `None` for a blank line.

    Never raises: whatever is wrong comes back as a `Fault`, carrying the request's id where the bytes name one id only.
    """
    if not line.strip():
        return None
    try:
        value = strict_json.decode(line)
    except MalformedRequestError as error:
        no_json = error.facts["rule"] in _NO_JSON
        code, message = (PARSE_ERROR, "Parse error") if no_json else (INVALID_REQUEST, "Invalid request")
        return Fault(_id_of_refused(line), error_from(code, message, error))
    if not isinstance(value, dict):
        # A batch is JSON-RPC, but no revision served here has batches.
        return _invalid(None, "a message is one JSON object; batches are not served")
    return _message(value)


def too_large() -> Fault:
    """Return the fault for a line beyond the size limit, whose bytes were not kept."""
    error = MalformedRequestError(rule="too_large", limit_bytes=strict_json.MAX_BYTES)
    return Fault(None, error_from(INVALID_REQUEST, "Invalid request", error))


def _message(value: dict[str, JsonValue]) -> Message:
    raw_id = value.get("id")
    request_id = raw_id if _is_id(raw_id) else None
    if value.get("jsonrpc") != "2.0":
        return _invalid(request_id, 'member "jsonrpc" must be "2.0"')
    if "method" not in value and ("result" in value or "error" in value):
        return Reply(request_id)
    method, params = value.get("method"), value.get("params")
    if not isinstance(method, str) or not 0 < len(method) <= MAX_METHOD_CHARACTERS or not method.isprintable():
        return _invalid(request_id, f'member "method" must be text of 1 to {MAX_METHOD_CHARACTERS} characters')
    if "params" in value and not isinstance(params, dict):
        return _invalid(request_id, 'member "params" must be an object')
    body = params if isinstance(params, dict) else None
    if "id" not in value:
        return Notice(method, body)
    if request_id is None:
        return _invalid(None, f'member "id" must be an integer or text of at most {MAX_ID_CHARACTERS} characters')
    return Request(request_id, method, body)


def _is_id(value: object) -> TypeGuard[RequestId]:
    if isinstance(value, str):
        return len(value) <= MAX_ID_CHARACTERS
    return isinstance(value, int) and not isinstance(value, bool)


def _invalid(request_id: RequestId | None, reason: str) -> Fault:
    error = MalformedRequestError(rule="message", reason=reason)
    return Fault(request_id, error_from(INVALID_REQUEST, "Invalid request", error))


class _Pairs(list[tuple[str, object]]):
    """An object as it stands in the text, doubled keys and all."""


def _id_of_refused(line: bytes) -> RequestId | None:
    """Return the one id that a refused message names, so that its sender is not left waiting."""
    if len(line) > strict_json.MAX_BYTES:
        return None
    try:
        value = json.loads(line, object_pairs_hook=_Pairs, parse_int=_bounded)
    except (ValueError, RecursionError):
        return None
    ids = [item for key, item in value if key == "id"] if isinstance(value, _Pairs) else []
    known = ids[0] if len(ids) == 1 and _is_id(ids[0]) else None
    # An id that can't be written back as it came is no id.
    return known if isinstance(known, int) or (isinstance(known, str) and known.isascii()) else None


def _bounded(text: str) -> int | None:
    if len(text) > strict_json.MAX_NUMBER_CHARACTERS or abs(number := int(text)) > strict_json.MAX_INTEGER:
        return None
    return number
