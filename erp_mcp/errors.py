"""Every error the gateway gives, in one file.

The class says what the caller may do next; the code (`<stage>.<what>`, never reused) says where it arose; the facts say
which field, rule or system. No system text, secret or other scope's existence is ever put into an error.

    GatewayError
    ├── CallerError      fix the call
    ├── DeniedError      ask for access; the same call will be refused again
    ├── ConflictError    read again, then repeat
    ├── TransientError   repeat later, unchanged
    └── FaultError       call an operator
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """Base of the taxonomy; leaf classes fix the three attributes for good."""

    code: ClassVar[str] = "gateway.error"
    summary: ClassVar[str] = "The gateway could not do this."
    advice: ClassVar[str] = "Call an operator."

    def __init__(self, **facts: str | int | tuple[str, ...]) -> None:
        """Keep facts as data, so no secret or system text is pasted into a message."""
        super().__init__(self.summary)
        self.facts = facts

    @property
    def json_facts(self) -> dict[str, str | int | list[str]]:
        """The facts as JSON has them: lists for tuples."""
        return {name: list(fact) if isinstance(fact, tuple) else fact for name, fact in self.facts.items()}

    def __str__(self) -> str:
        """Return code, summary, facts and advice on one line, for people and logs."""
        facts = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{self.code}: {self.summary}{f' ({facts})' if facts else ''} {self.advice}"


class CallerError(GatewayError):
    """The call is wrong: fix it."""


class DeniedError(GatewayError):
    """Policy says no: the same call will be refused again."""


class ConflictError(GatewayError):
    """Something changed: read again, then repeat."""


class TransientError(GatewayError):
    """It may work later, unchanged."""


class FaultError(GatewayError):
    """Broken set-up or a defect: call an operator."""


# --- CallerError ------------------------------------------------------------------------------------------------------


class ApproverExistsError(CallerError):
    """An approver id, or a key, that is enrolled already."""

    code = "approval.exists"
    summary = "This approver is enrolled already."
    advice = "Choose another id; `erp-mcp approvals approvers` lists who is enrolled."


class ApproverNotFoundError(CallerError):
    """An approver who is not enrolled, or not any more."""

    code = "approval.not_found"
    summary = "There is no such approver."
    advice = "Look at `erp-mcp approvals approvers`; an enrolled approver can enrol another."


class BadCursorError(CallerError):
    """A cursor that was not made for this call."""

    code = "call.bad_cursor"
    summary = "This cursor does not belong to this call."
    advice = "Repeat the call without `cursor` and page on with the new `next_cursor`, keeping the arguments."


class BadPassphraseError(CallerError):
    """A passphrase that does not open the approver's key."""

    code = "approval.bad_passphrase"
    summary = "The passphrase does not open this approver's key."
    advice = "Type it again; a lost passphrase can't be recovered: enrol a new approver and revoke this one."


class BadScopeError(CallerError):
    """A scope of the kill switch in the wrong form."""

    code = "writes.bad_scope"
    summary = "This is no scope of the kill switch."
    advice = "Use all, or tool:NAME, agent:NAME, system:NAME."


class CatalogFileError(CallerError):
    """A tool file that breaks the grammar or a lint rule."""

    code = "catalog.bad_file"
    summary = "A tool file is wrong."
    advice = "Mend the file at the line named and run `erp-mcp tools lint`."


class ConfigurationError(CallerError):
    """The configuration file is missing, unreadable or wrong."""

    code = "settings.bad_configuration"
    summary = "The configuration is wrong."
    advice = "Mend the key named; `erp-mcp doctor` checks the whole set-up."


class EntityNotOfferedError(CallerError):
    """A canonical entity that this system does not give."""

    code = "adapter.entity_not_offered"
    summary = "The system does not offer this entity."
    advice = "Ask for one of the entities of its profile."


class DemoDirectoryError(CallerError):
    """The directory named for a demo plant holds something else."""

    code = "demo.directory_in_use"
    summary = "The directory for the demo plant is not empty and holds no demo plant."
    advice = "Name an empty directory or one that a demo plant was built in before."


class InvalidArgumentError(CallerError):
    """An argument of a call breaks the tool's contract."""

    code = "call.invalid_argument"
    summary = "An argument is wrong."
    advice = "Mend the argument named and call again; `erp-mcp tools describe` shows the contract."


class LastApproverError(CallerError):
    """The only approver, whom nobody could replace."""

    code = "approval.last"
    summary = "The last approver can't be revoked, since nobody could enrol another one."
    advice = "Enrol another approver first: `erp-mcp approvals enrol NAME`."


class MalformedRequestError(CallerError):
    """Bytes that are not one strict JSON value within bounds, or JSON that is no message of the protocol."""

    code = "call.malformed_request"
    summary = "The request is not a message of the protocol, in JSON within the limits."
    advice = "Mend what `rule` and `reason` say: one JSON object, no duplicate keys, at most 256 kB and 32 levels."


class PolicyFileError(CallerError):
    """A policy file that breaks the grammar or names what does not exist."""

    code = "policy.bad_file"
    summary = "A policy file is wrong."
    advice = "Mend the file at the line named and run `erp-mcp policy check`."


class ProposalNotFoundError(CallerError):
    """No such proposal, or it is another agent's."""

    code = "proposal.not_found"
    summary = "There is no such proposal."
    advice = "Use the id that the propose tool gave. `list_my_proposals` has yours, `erp-mcp approvals list --all` all."


class ProfileFileError(CallerError):
    """A system profile that breaks the grammar."""

    code = "systems.bad_profile"
    summary = "A system profile is wrong."
    advice = "Mend the profile at the key named and run `erp-mcp doctor`."


class RuleRefusedError(CallerError):
    """A business rule that refuses a change."""

    code = "rule.refused"
    summary = "A business rule refuses this change."
    advice = "Do what `message` says would pass and propose again, or leave it to a person."


class SystemNotConfiguredError(CallerError):
    """A system of record that the deployment does not have."""

    code = "adapter.not_configured"
    summary = "This deployment has no such system."
    advice = "Name one of the systems in the configuration; `erp-mcp doctor` lists them."


class UnknownArgumentError(CallerError):
    """An argument the tool does not have."""

    code = "call.unknown_argument"
    summary = "The tool has no such argument."
    advice = "Leave it out or use the argument suggested."


class UnknownToolError(CallerError):
    """No tool of this name is visible: missing and hidden answer alike."""

    code = "call.unknown_tool"
    summary = "There is no such tool."
    advice = "Use the tool suggested, or another of the list; the list is what this role may call."


class WeakPassphraseError(CallerError):
    """A passphrase that is too easy to guess."""

    code = "approval.weak_passphrase"
    summary = "This passphrase is too weak."
    advice = "Use at least 12 characters, best several words."


# --- DeniedError ------------------------------------------------------------------------------------------------------


class BoundaryError(DeniedError):
    """The request asks for something below the planning side (ISA-95)."""

    code = "policy.boundary"
    summary = "This reaches below the planning side (ISA-95 level 3); no tool of the gateway does that."
    advice = "A person does this at the machine or in the MES; the gateway can only inform."


class LimitExceededError(DeniedError):
    """A business limit that a change would go beyond."""

    code = "limit.exceeded"
    summary = "A limit on how much may be proposed in a time is reached."
    advice = "Propose less, wait until the window named has passed, or leave it to a person."


class MaskedFieldError(DeniedError):
    """A filter or sort on a field that the role may not read."""

    code = "policy.masked_field"
    summary = "This argument works on a field that this role may not read."
    advice = "Leave the argument out."


class NotAllowedError(DeniedError):
    """The agent is not one the deployment accepts, or policy refuses the call."""

    code = "policy.not_allowed"
    summary = "Policy does not allow this."
    advice = "Ask an administrator; `erp-mcp policy explain` shows the rule."


class NotAnApproverError(DeniedError):
    """A person who may not decide about this proposal."""

    code = "approval.not_allowed"
    summary = "This person may not decide about this proposal."
    advice = "Ask one of the approvers that `erp-mcp approvals show` names."


class PolicyNeedsApproverError(DeniedError):
    """A policy that newly allows writes and that no approver has signed."""

    code = "policy.needs_approver"
    summary = "This policy newly allows a write, and no enrolled approver has confirmed it."
    advice = "Run `erp-mcp policy apply` and confirm as an enrolled approver, with the passphrase."


class RequesterError(DeniedError):
    """An approver who is one of those who asked for the change."""

    code = "approval.requester"
    summary = "Nobody may decide about a change that they asked for themselves."
    advice = "Ask another approver; policy may allow owners to decide about small changes (`self_approval: owner`)."


class RuleNotEvaluableError(DeniedError):
    """A business rule whose facts are missing."""

    code = "rule.not_evaluable"
    summary = "A business rule could not be looked at, since facts are missing."
    advice = "Do without what `missing` names, or leave it to a person."


class StaleDataError(DeniedError):
    """The data is older than four times its freshness budget."""

    code = "freshness.stale"
    summary = "The data is too old to answer from."
    advice = "Wait for the next synchronisation or ask an operator to run `erp-mcp sync`."


class SystemReadOnlyError(DeniedError):
    """A system of record that takes no such writes here."""

    code = "adapter.read_only"
    summary = "This system does not take this change in this deployment."
    advice = (
        "An administrator names write credentials under `write:` of the system, and a profile that has the operation."
    )


# --- ConflictError ----------------------------------------------------------------------------------------------------


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


# --- TransientError ---------------------------------------------------------------------------------------------------


class BusyError(TransientError):
    """Too many calls at once."""

    code = "gateway.busy"
    summary = "Too many calls are under way."
    advice = "Repeat in a moment."


class CallCancelledError(TransientError):
    """The client gave a call up while it was being answered; stands in its record only."""

    code = "call.cancelled"
    summary = "The client cancelled the call; nothing was answered."
    advice = "Repeat it if the answer is still wanted."


class DeadlineError(TransientError):
    """The answer took longer than allowed."""

    code = "gateway.deadline"
    summary = "The answer took too long."
    advice = "Narrow the question (site, material, dates) and repeat."


class LeaseLostError(TransientError):
    """Another process has taken over what this one was doing."""

    code = "sync.lease_lost"
    summary = "Another process has taken over."
    advice = "Nothing to do: the other process goes on with it."


class ReadModelNotReadyError(TransientError):
    """The read model is missing, half built or of another version."""

    code = "read_model.not_ready"
    summary = "The read model is not ready."
    advice = "Run `erp-mcp sync`; `erp-mcp doctor` shows what is missing."


class SystemTimeoutError(TransientError):
    """A system of record did not answer in time."""

    code = "adapter.timeout"
    summary = "The system did not answer in time."
    advice = "Repeat later."


class SystemUnreachableError(TransientError):
    """A system of record can't be reached."""

    code = "adapter.unreachable"
    summary = "The system can't be reached."
    advice = "Repeat later; `erp-mcp doctor` checks the connection."


class TooManyProposalsError(TransientError):
    """Too many proposals of one agent wait."""

    code = "proposal.too_many"
    summary = "Too many proposals of this agent wait for a decision."
    advice = "Wait until people have decided, or cancel what is not needed any more."


class WritesStoppedError(TransientError):
    """A kill switch that is pressed."""

    code = "writes.stopped"
    summary = "An operator has stopped writes."
    advice = "Wait; `erp-mcp writes status` says why, `erp-mcp writes resume` lets them go on."


# --- FaultError -------------------------------------------------------------------------------------------------------


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


class DestinationNotAllowedError(FaultError):
    """A request to a host that the configuration does not list."""

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


class RegistryDamagedError(FaultError):
    """Enrolments that do not go back to the first approver's key."""

    code = "approval.broken_registry"
    summary = "The stored approvers do not go back to the first approver's key."
    advice = "Keep the state file as it is; nothing is committed until the enrolments are those that were signed."
