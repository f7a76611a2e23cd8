"""Commands in the demo ERP's own terms, and what it replies in ours: pure translation."""

from __future__ import annotations

from typing import Final

from erp_mcp.demo.writing.operation import ErpCall
from erp_mcp.demo.writing.promise import UPDATE_DATE
from erp_mcp.demo.writing.registry import DOCUMENTS, OPERATIONS
from erp_mcp.demo.writing.requisition import CREATE_REQUISITION
from erp_mcp.demo.writing.work import Document, Rejected, Reply, Superseded
from erp_mcp.domain.command import Command, Committed, Conflict, Outcome, Refused, RetryContract, Unknown, Written
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError

__all__ = ["CREATE_REQUISITION", "UPDATE_DATE", "call_of", "operations_of", "outcome_of", "written"]

_KEYS: Final = {"contract", "settle_s"}


def operations_of(profile: Profile) -> dict[str, RetryContract]:
    """Return the operations that a profile offers of this service.

    Raises:
        ProfileFileError: `systems.bad_profile`, for an operation, contract or key that this service does not have.
    """
    found: dict[str, RetryContract] = {}
    for name, form in profile.commands.items():
        key = f"commands.operations.{name}"
        if name not in OPERATIONS:
            raise _wrong(profile, key, f"the demo ERP has no such operation; it has {', '.join(sorted(OPERATIONS))}")
        if not isinstance(form, dict) or set(form) != _KEYS:
            raise _wrong(profile, key, "the demo ERP takes contract and settle_s, and nothing else")
        kept = OPERATIONS[name].kept
        kind = next((one for one in kept if one == form["contract"]), None)
        settle_s = form["settle_s"]
        if kind is None or not isinstance(settle_s, int):
            raise _wrong(profile, f"{key}.contract", f"the demo ERP keeps {' or '.join(kept)}")
        found[name] = RetryContract(kind=kind, settle_s=settle_s)
    return found


def call_of(command: Command, profile: Profile) -> ErpCall | Rejected:
    """Return a command in the ERP's own terms, or why it can't be said in them.

    Args:
        command: Of one of the operations that `operations_of` gives.
        profile: Its profile; says how canonical ids become local ones.
    """
    arguments = OPERATIONS[command.operation].native(command, profile)
    if isinstance(arguments, Rejected):
        return arguments
    return ErpCall(operation=command.operation, reference=command.reference, arguments=arguments)


def outcome_of(reply: Reply, profile: Profile) -> Outcome:
    """Return what a reply of the service means for the command that was sent."""
    if isinstance(reply, Document):
        return Committed(written=written(reply, profile))
    if isinstance(reply, Superseded):
        return Conflict()
    return Unknown(reason=reply.code) if reply.code == "reference_exists" else Refused(code=reply.code)


def written(document: Document, profile: Profile) -> Written:
    """Return a document in canonical terms; one that a person has deleted since has no fields any more."""
    kind = DOCUMENTS[document.doc_type]
    return Written(
        document=document.number,
        key=kind.key(document.number, document.item),
        version_token=document.version,
        fields=kind.canonical(document.fields, profile) if document.fields else {},
    )


def _wrong(profile: Profile, key: str, reason: str) -> ProfileFileError:
    return ProfileFileError(file=f"{profile.name}.yaml", line=0, key=key, reason=reason)
