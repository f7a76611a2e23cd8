"""What an answer of a service means for a read. A status alone is no verdict, and no text of theirs comes out.

The one thing taken from an error body is its code, cleaned and capped: a fact for people, never an instruction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.adapters._documents.json_text import DocumentError, Value, decode_json
from erp_mcp.adapters._documents.refusals import native_code, refusal
from erp_mcp.egress.transport import Answer
from erp_mcp.errors import BadAnswerError, GatewayError

JSON: Final = "application/json"

_OK: Final = 200


def json_of(answer: Answer, system: str) -> dict[str, Value]:
    """Return the object that a good answer holds.

    Raises:
        SystemRefusedError: `adapter.refused`, with `reason` and, where the system gave one, `native_code`.
        SystemUnreachableError: `adapter.unreachable`; SystemBusyError: `adapter.busy`, for later.
        BadAnswerError: `adapter.bad_answer`, for everything else that is no good answer.
    """
    if answer.status != _OK:
        raise refused(answer, system)
    if answer.media_type != JSON:
        raise BadAnswerError(system=system, reason="not JSON")
    try:
        found = decode_json(answer.body)
    except DocumentError as failure:
        raise BadAnswerError(system=system, reason=str(failure)) from None
    if not isinstance(found, dict):
        raise BadAnswerError(system=system, reason="not an object")
    if "error" in found and not {"d", "value"} & set(found):
        raise BadAnswerError(system=system, reason="an error in an answer that says it is none", **_code(found))
    return found


def refused(answer: Answer, system: str) -> GatewayError:
    """Return what an answer that is not 200 means for a read, with the system's code where it has one."""
    code = _code_of(answer)
    return refusal(answer, system, {"native_code": code} if code else {})


def message_codes(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the codes in SAP's message headers, cleaned: what an otherwise good answer warns of."""
    codes: list[str] = []
    for name in ("sap-message", "sap-messages"):
        try:
            found = decode_json(headers.get(name, "null").encode("latin-1", "replace"))
        except DocumentError:
            continue
        messages = found if isinstance(found, list) else [found]
        codes += [native_code(one.get("code")) for one in messages if isinstance(one, dict)]
    return tuple(code for code in codes if code)[:10]


def _code_of(answer: Answer) -> str:
    """Return the code in an error body of V2 or V4, cleaned; empty where there is none that is bearable."""
    if answer.media_type != JSON:
        return ""
    try:
        found = decode_json(answer.body)
    except DocumentError:
        return ""
    return _code(found).get("native_code", "") if isinstance(found, dict) else ""


def _code(body: Mapping[str, Value]) -> dict[str, str]:
    error = body.get("error")
    code = native_code(error.get("code")) if isinstance(error, dict) else ""
    return {"native_code": code} if code else {}
