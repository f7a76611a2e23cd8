"""Can our reference be searched? Tried before anything is written, with a reference that no proposal has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from erp_mcp.adapters._documents.command_values import Facts
from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.domain.command import Command
from erp_mcp.domain.write_plan import Find, Plan
from erp_mcp.errors import BadAnswerError, SystemRefusedError

NOBODY_KNOWS: Final = "not kept: nothing tells a lost write from one that was never made; a person looks"
_NOWHERE: Final = "R00000000000"


class Looks(Protocol):
    """The read by which it is tried."""

    async def bearing(self, find: Find, facts: Facts) -> Sequence[Document]:
        """Return the documents that bear a reference."""
        ...


def nobodys(plan: Plan) -> Command:
    """Return a command that nobody sends, to look for."""
    return Command(
        operation=plan.operation,
        system="",
        entity=plan.entity,
        key="",
        version_token="",
        reference=_NOWHERE,
        fields={},
    )


def told_later(plan: Plan) -> str:
    """Return how it is asked what became of what the system takes in, empty where it says so at once."""
    accepted = plan.accepted
    if accepted is None:
        return ""
    where = "the address that it names" if accepted.ask.place is None else "the place of its ticket"
    statuses = ", ".join(str(one) for one in sorted(accepted.statuses))
    how = f"{statuses} says that it was taken in; {where} is asked every {accepted.every_s} s"
    return f"; {how}, after {accepted.ack_s} s a person"


async def searched(plan: Plan, looks: Looks, facts: Facts) -> str:
    """Return `verified: …` with how the reference is kept, or what is missing.

    Raises:
        SystemUnreachableError, SystemBusyError, SystemRestingError, SystemTimeoutError: it can't be said now.
    """
    if plan.find is None:
        return "not kept: nothing says where our reference is found"
    try:
        rows = await looks.bearing(plan.find, facts)
    except (BadAnswerError, SystemRefusedError) as failure:
        return f"not kept: {plan.find.by} can't be searched ({failure.facts.get('reason', failure.code)})"
    if rows:
        return f"not kept: {plan.find.by} can't be searched"
    kept = f"our reference is kept in {plan.find.by} and can be searched"
    if plan.write.idempotency is not None:
        return f"verified: {kept}; a repeat is known by {plan.write.idempotency.header}, as its documentation says"
    if plan.contract.kind == "unique_ref":
        return f"verified: {kept}; the system takes no second one, as its documentation says"
    return f"verified: {kept}; a second one is not refused there"
