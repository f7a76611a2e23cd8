"""The page for an error: what happened, what to do, its code, and nothing of any system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.errors import (
    CallerError,
    ConflictError,
    DeniedError,
    FormNotOursError,
    GatewayError,
    ProposalNotFoundError,
    StateUnavailableError,
    TooManySignInsError,
    TransientError,
)
from erp_mcp.web.visit import Shown

_STATUS: Final = (
    (FormNotOursError, 403),
    (CallerError, 400),
    (DeniedError, 403),
    (ConflictError, 409),
    (TooManySignInsError, 429),
    (TransientError, 503),
)
_FOR_PEOPLE: Final[Mapping[type[GatewayError], str]] = {
    ProposalNotFoundError: "The address may be cut off. The lists of the queue lead to every proposal that there is.",
}


def failure(error: GatewayError) -> Shown:
    """Return the page for an error."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    details = [(name, _told(fact)) for name, fact in error.facts.items() if fact not in ("", 0)]
    if isinstance(error, StateUnavailableError):
        details = []
    advice = _FOR_PEOPLE.get(type(error), error.advice)
    facts = {"title": error.summary, "advice": advice, "code": error.code, "details": details}
    wait = error.facts.get("retry_after_s", 0)
    return Shown(
        template="message.html", facts=facts, status=status, retry_after_s=wait if isinstance(wait, int) else 0
    )


def _told(fact: str | int | tuple[str, ...]) -> str:
    return ", ".join(fact) if isinstance(fact, tuple) else str(fact)
