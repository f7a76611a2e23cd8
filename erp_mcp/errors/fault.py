"""A broken set-up or a defect: call an operator."""

from __future__ import annotations

from erp_mcp.errors.taxonomy import FaultError


class AuditUnavailableError(FaultError):
    """No audit record can be written, so nothing happens."""

    code = "audit.unavailable"
    summary = "The audit record could not be written, so nothing was done."
    advice = "Call an operator: check disk space and rights of the state directory."


class BadAnswerError(FaultError):
    """A system of record answered something that is not its contract."""

    code = "adapter.bad_answer"
    summary = "The system's answer could not be understood."
    advice = "Call an operator: the system's version may have changed."


class AccountTooPowerfulError(FaultError):
    """An account that can do more than it needs; facts: `system`, `rights`, `revoke` (statements, where known)."""

    code = "adapter.account_too_powerful"
    summary = "The account can do more than it needs, so the system is not used."
    advice = "Give it an account with fewer rights; `erp-mcp systems probe` shows what it can do and how to end that."


class AlreadySentError(FaultError):
    """A write whose reference has gone out before; nothing was sent."""

    code = "adapter.already_sent"
    summary = "This change was sent before, so it is not sent again."
    advice = "Read back what became of it."


class BadBundleError(FaultError):
    """The stored policy bundle is not what was applied."""

    code = "policy.bad_bundle"
    summary = "The applied policy can't be used, so everything is refused."
    advice = "Call an operator: `erp-mcp policy apply` writes it again."


class DemoPlantError(FaultError):
    """The demo plant's generator broke one of its own invariants."""

    code = "demo.broken_plant"
    summary = "The demo plant could not be built: one of its invariants does not hold."
    advice = "Report the seed and the size; another seed works."


class DeclarationMissingError(FaultError):
    """A system that is off until an operator declares the licensed way in.

    Facts: `system`, `declaration`, and `reason` where one was made for something else.
    """

    code = "adapter.not_declared"
    summary = "This system is off until an operator has declared the licensed way of access."
    advice = "Read docs/sap.md, then run `erp-mcp systems declare`."


class DestinationNotAllowedError(FaultError):
    """A request to a host that the configuration does not list; facts: `system`, `reason`, `host` if it is ours."""

    code = "adapter.not_allowed"
    summary = "This address is not on the allow-list."
    advice = "Call an operator: list the host in the configuration if it is right."


class IdentityConflictError(FaultError):
    """A system's id that stands for two canonical ids."""

    code = "sync.identity_conflict"
    summary = "An id of a system was known under another canonical id."
    advice = "Call an operator: mend the cross-reference or the profile, then run `erp-mcp sync --full`."


class InexactNumberError(FaultError):
    """A number that the exact form can't hold."""

    code = "adapter.inexact_number"
    summary = "A number of the system has more digits than can be kept exactly."
    advice = "Call an operator: the field needs another unit or scale."


class InternalError(FaultError):
    """A defect of the gateway; details are in the log, not here."""

    code = "gateway.internal"
    summary = "Something went wrong inside the gateway."
    advice = "Call an operator with the call id."


class ProposalDamagedError(FaultError):
    """A stored proposal that is not what was written."""

    code = "proposal.damaged"
    summary = "The stored proposal is damaged."
    advice = "Nothing of it is carried out. Keep the state file as it is and run `erp-mcp audit verify`."


class ReadModelWriteError(FaultError):
    """The read model can't be written."""

    code = "read_model.not_written"
    summary = "The read model could not be written, so the last page was not taken over."
    advice = "Call an operator: check disk space and rights of its directory, then run `erp-mcp sync` again."


class ResultContractError(FaultError):
    """A tool's result broke its own contract."""

    code = "answer.contract"
    summary = "The result did not fit the tool's contract, so it was withheld."
    advice = "Call an operator with the call id."


class StateUnavailableError(FaultError):
    """The state file or the deployment key can't be used."""

    code = "state.unavailable"
    summary = "The state of the deployment can't be used."
    advice = "Call an operator: `erp-mcp doctor` checks the state directory."


class SystemRefusedError(FaultError):
    """A system of record refused the request or the sign-in."""

    code = "adapter.refused"
    summary = "The system refused the request."
    advice = "Call an operator: check the account's rights."


class TooLargeError(FaultError):
    """An answer above the byte cap."""

    code = "adapter.too_large"
    summary = "The system's answer is larger than allowed."
    advice = "Call an operator: lower the page size of the system."


class UnboundFieldError(FaultError):
    """Mandatory fields that the system does not have; facts: `system`, `entity`, `fields`."""

    code = "adapter.unbound_field"
    summary = "The system lacks fields that its profile needs, so it is not used."
    advice = "Call an operator: `erp-mcp systems probe` shows which; the profile needs another mapping."


class RegistryDamagedError(FaultError):
    """Enrolments that do not go back to the first approver's key."""

    code = "approval.broken_registry"
    summary = "The stored approvers do not go back to the first approver's key."
    advice = "Keep the state file as it is; nothing is committed until the enrolments are those that were signed."
