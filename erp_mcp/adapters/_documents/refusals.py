"""What a status that is not good means for a read, the same words for every kind that reads documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from erp_mcp.egress.wire import Answer
from erp_mcp.errors import BadAnswerError, GatewayError, SystemBusyError, SystemRefusedError, SystemUnreachableError

_REASONS: Final[Mapping[int, str]] = {
    400: "request not understood",
    401: "sign-in",
    403: "access",
    404: "not there",
    405: "reading not allowed",
    409: "conflict",
    410: "gone",
    417: "refused by a rule",
    422: "request not understood",
    501: "not implemented",
}
_LATER: Final = frozenset({502, 503, 504})
_BUSY: Final = 429
_DEFAULT_WAIT_S: Final = 1

MAX_NATIVE_CODE: Final = 80
"""Characters that a system's own code has at most; what is longer is no code, and is not cut into one."""

_CODE: Final = re.compile(rf"[A-Za-z0-9_.:/-]{{1,{MAX_NATIVE_CODE}}}")


def native_code(text: object) -> str:
    """Return a code of the system as a fact for people, empty where it is none: a code is short and has no words."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else ""


def refusal(answer: Answer, system: str, code: Mapping[str, str]) -> GatewayError:
    """Return what an answer that is not 200 means for a read.

    Args:
        answer: The answer.
        system: Who gave it.
        code: `native_code` where the body has one, cleaned; a fact for people, never an instruction.
    """
    if answer.status == _BUSY:
        return SystemBusyError(system=system, retry_after_s=_wait_s(answer))
    if answer.status in _LATER:
        return SystemUnreachableError(system=system, reason="not available now")
    if answer.status in _REASONS:
        return SystemRefusedError(system=system, reason=_REASONS[answer.status], **code)
    return BadAnswerError(system=system, reason=f"status {answer.status}", **code)


def _wait_s(answer: Answer) -> int:
    text = answer.headers.get("retry-after", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else _DEFAULT_WAIT_S
