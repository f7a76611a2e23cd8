"""Something changed meanwhile: read again, then repeat."""

from __future__ import annotations

from erp_mcp.errors.taxonomy import ConflictError


class BundleChangedError(ConflictError):
    """Another policy bundle was applied since this one was compared with the active one."""

    code = "policy.bundle_changed"
    summary = "Another policy was applied in the meantime."
    advice = "Run `erp-mcp policy diff` again, then apply."


class KeyReusedError(ConflictError):
    """An idempotency key that was used for something else."""

    code = "proposal.key_reused"
    summary = "This idempotency key was used for another proposal."
    advice = "Use a new key for a new change; repeat the same key only with the same arguments."


class PossibleDuplicateError(ConflictError):
    """A proposal of the same meaning under another key."""

    code = "proposal.possible_duplicate"
    summary = "A proposal of the same meaning was made a short while ago."
    advice = (
        "Look at it with `get_proposal`; where both are wanted, repeat with `acknowledge_duplicate_of` set to its id."
    )


class ProposalMovedError(ConflictError):
    """A proposal that is no longer where a move starts."""

    code = "proposal.moved"
    summary = "The proposal is not in a state in which this can be done."
    advice = "Look at its present state; where the change is still wanted, propose it anew."
