"""Something changed meanwhile: read again, then repeat."""

from __future__ import annotations

from erp_mcp.errors.taxonomy import ConflictError


class BundleChangedError(ConflictError):
    """Another policy bundle was applied since this one was compared with the active one."""

    code = "policy.bundle_changed"
    summary = "Another policy was applied in the meantime."
    advice = "Run `erp-mcp policy diff` again, then apply."


class DecidedAlreadyError(ConflictError):
    """A second decision of one person about the same proposal."""

    code = "approval.decided_already"
    summary = "You have decided about this proposal already."
    advice = "One person decides once: let somebody else decide, where more than one yes is needed."


class KeyReusedError(ConflictError):
    """An idempotency key that was used for something else."""

    code = "proposal.key_reused"
    summary = "This idempotency key was used for another proposal."
    advice = "Use a new key for a new change; repeat the same key only with the same arguments."


class NotTaintedError(ConflictError):
    """An agent whose reading calls for no clearing."""

    code = "approval.not_tainted"
    summary = "Nothing that this agent has read counts against it now."
    advice = "`erp-mcp approvals tainted` lists the agents for which it does."


class NothingToSeedError(ConflictError):
    """No proposal from which a wrong one could be made."""

    code = "approval.nothing_to_seed"
    summary = "No proposal is there from which a wrong one could be made."
    advice = "Wait until an agent has proposed something with an amount or a date."


class PossibleDuplicateError(ConflictError):
    """A proposal of the same meaning under another key."""

    code = "proposal.possible_duplicate"
    summary = "A proposal of the same meaning was made a short while ago."
    advice = (
        "Look at it with `get_proposal`; where both are wanted, repeat with `acknowledge_duplicate_of` set to its id."
    )


class ReviewedAlreadyError(ConflictError):
    """A review of what was reviewed, or of what was approved as always."""

    code = "approval.reviewed_already"
    summary = "Nobody has to review this (any more)."
    advice = "`erp-mcp approvals list --reviews` shows what is to be reviewed."


class TaskClosedError(ConflictError):
    """A task for a person that is done or cancelled already."""

    code = "task.closed"
    summary = "The task is closed already."
    advice = "Look at it with `erp-mcp tasks show`; a closed task stays closed."


class NotSmallerError(ConflictError):
    """A change that was to be smaller than the proposed one and is not."""

    code = "proposal.not_smaller"
    summary = "This is not a smaller change of the same kind."
    advice = (
        "Leave lines out or make amounts smaller, nothing else; for another change reject it and say what is wanted."
    )


class ProposalMovedError(ConflictError):
    """A proposal that is no longer where a move starts."""

    code = "proposal.moved"
    summary = "The proposal is not in a state in which this can be done."
    advice = "Look at its present state; where the change is still wanted, propose it anew."
