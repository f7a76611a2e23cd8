"""`FakeErpCommands`: `ports.Commands` over HTTP to a `FakeErp`, as an adapter that writes over HTTP must be made.

Each command is one request, never repeated. What became of it is read from the body, for the very reference that was
sent; a status alone says nothing, except that 429 turns a request away at the door. A request that could not connect
was not sent; after anything else that is no answer, nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.erp_calls import call_of, operations_of, outcome_of, written
from erp_mcp.demo.erp_service import Document, Rejected, Reply, Superseded
from erp_mcp.demo.writing.registry import DOCUMENTS, REFUSALS
from erp_mcp.domain.command import Command, NotSent, Outcome, Refused, RetryContract, Unknown, Written
from erp_mcp.domain.profile import Profile
from erp_mcp.egress import Egress, certainly_not_sent
from erp_mcp.errors import (
    AlreadySentError,
    BadAnswerError,
    DestinationNotAllowedError,
    GatewayError,
    SystemBusyError,
    SystemRestingError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.testing.fake_erp import call_text

_TOO_MANY: Final = 429
_MAX_WAIT_S: Final = 3600
_HEADERS: Final = {"Content-Type": "application/json"}


class FakeErpCommands:
    """Writes to a `FakeErp`."""

    def __init__(self, egress: Egress, *, url: str, system: str, profile: Profile) -> None:
        """Contact nothing yet; `profile` is that of the demo ERP.

        Raises:
            ProfileFileError: `systems.bad_profile`, as for the demo ERP itself.
        """
        self._egress = egress
        self._url = url
        self._system = system
        self._profile = profile
        self._operations = operations_of(profile)

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._system

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        """The operations of the profile with their contracts."""
        return self._operations

    async def send(self, command: Command) -> Outcome:
        """Write one change with one request; see `ports.Commands.send`."""
        if command.operation not in self._operations:
            return Refused(code="unknown_operation")
        call = call_of(command, self._profile)
        if isinstance(call, Rejected):
            return Refused(code=call.code)
        if not command.reference:
            return Refused(code="bad_reference")
        url, reference = f"{self._url}/commands", command.reference
        try:
            answer = await self._egress.send(
                "POST", url, headers=_HEADERS, body=call_text(call), once=True, reference=reference
            )
        except GatewayError as failure:
            return _lost(failure)
        except Exception:  # noqa: BLE001 - whatever broke here, it may have been sent
            return Unknown(reason="transport_failed")
        if answer.status == _TOO_MANY:
            self._egress.released(reference)
            return NotSent(reason="throttled", retry_after_s=_wait_s(answer.headers.get("retry-after", "")))
        reply = _reply(answer.body, command.reference)
        return outcome_of(reply, self._profile) if reply is not None else Unknown(reason="bad_answer")

    async def find(self, command: Command) -> Written | None:
        """Return what bears this command's reference; only an answer about this reference can say that nothing does."""
        value = await self._get(f"/references/{command.reference}")
        if value.get("reference") != command.reference or "document" not in value:
            raise self._bad()
        if value["document"] is None:
            return None
        document = _document(value["document"])
        if document is None:
            raise self._bad()
        return written(document, self._profile)

    async def probe(self) -> Mapping[str, str]:
        """Return what the ERP says of itself, and how each contract is kept."""
        about = (await self._get("/about")).get("about")
        if not isinstance(about, dict):
            raise self._bad()
        told = {str(name): str(value) for name, value in about.items() if name != "unique_references"}
        kept = "verified: " if about.get("unique_references") == "yes" else "not kept: "
        return {**told, **{name: f"{kept}{one.kind}" for name, one in self._operations.items()}}

    async def close(self) -> None:
        """Let go of connections."""
        await self._egress.close()

    async def _get(self, path: str) -> dict[str, object]:
        answer = await self._egress.send("GET", f"{self._url}{path}", headers=_HEADERS)
        value = _object(answer.body)
        if value is None:
            raise self._bad()
        return value

    def _bad(self) -> BadAnswerError:
        return BadAnswerError(system=self._system, reason="not an answer of this ERP")


def _lost(failure: GatewayError) -> Outcome:
    """Say what is left of a request without an answer: only one whose first byte never left was not sent."""
    if isinstance(failure, SystemBusyError | SystemRestingError):
        reason = "system_busy" if isinstance(failure, SystemBusyError) else "system_resting"
        return NotSent(reason=reason, retry_after_s=int(str(failure.facts["retry_after_s"])))
    if certainly_not_sent(failure):
        not_listed = isinstance(failure, DestinationNotAllowedError)
        return NotSent(reason="not_allowed" if not_listed else "system_unreachable")
    if isinstance(failure, SystemUnreachableError):
        return Unknown(reason="connection_broken")
    if isinstance(failure, AlreadySentError):
        return Unknown(reason="already_sent")
    return Unknown(reason="no_answer" if isinstance(failure, SystemTimeoutError) else "bad_answer")


def _wait_s(text: str) -> int:
    """Return how long to wait as the server asks, within bounds."""
    return min(int(text), _MAX_WAIT_S) if text.isascii() and text.isdigit() else 1


def _reply(body: bytes, reference: str) -> Reply | None:
    """Return what an answer says of the command with this reference, `None` where it says nothing."""
    value = _object(body)
    if value is None or value.get("reference") != reference:
        return None
    match value.get("status"), value.get("code"):
        case "written", None:
            return _document(value.get("document"))
        case "superseded", None:
            return Superseded()
        case "rejected", str(code):
            return Rejected(code if code in REFUSALS else "refused")  # never the system's own words
    return None


def _object(body: bytes) -> dict[str, object] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _document(value: object) -> Document | None:
    """Return a document as it was sent; `None` for anything that is not wholly one."""
    match value:
        case {
            "doc_type": str(doc_type),
            "number": str(number),
            "item": str(item),
            "version": str(version),
            "fields": dict(fields),
        } if doc_type in DOCUMENTS:
            return Document(doc_type=doc_type, number=number, item=item, version=version, fields=fields)
    return None
