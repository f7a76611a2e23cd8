"""It may work later, unchanged."""

from __future__ import annotations

from erp_mcp.errors.taxonomy import TransientError


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


class ClockJumpedError(TransientError):
    """The clock of this machine was set; facts: `seconds` by which (negative: back), `retry_after_s`."""

    code = "gateway.clock_jumped"
    summary = "The clock of this machine has jumped: until it is steady, nothing is proposed or sent."
    advice = "Repeat after `retry_after_s` seconds. If it comes again, an operator sees to the machine's clock (NTP)."


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


class NoticeNotSentError(TransientError):
    """A channel did not take a notice; facts: `channel`, `reason`."""

    code = "notices.not_sent"
    summary = "The notice was not taken."
    advice = "It is sent again by itself; `erp-mcp notices test` tries the channel now."


class ProviderUnavailableError(TransientError):
    """An OpenID provider that gives no usable answer now. Facts: `reason`."""

    code = "page.provider_unavailable"
    summary = "The provider that people sign in at gives no usable answer; nothing was done."
    advice = "Try again; `erp-mcp doctor --connect` looks at the provider."


class ReadModelNotReadyError(TransientError):
    """The read model is missing, half built or of another version."""

    code = "read_model.not_ready"
    summary = "The read model is not ready."
    advice = "Run `erp-mcp sync`; `erp-mcp doctor` shows what is missing."


class SecretUnavailableError(TransientError):
    """A secret that can't be fetched now."""

    code = "credentials.unavailable"
    summary = "The secret of the system can't be fetched."
    advice = "Repeat later; `erp-mcp doctor` checks where secrets come from."


class SystemBusyError(TransientError):
    """More requests to a system than may run or wait; facts: `system`, `retry_after_s`."""

    code = "adapter.busy"
    summary = "Too much is asked of the system at the moment."
    advice = "Repeat after `retry_after_s` seconds."


class SystemRestingError(TransientError):
    """A system that is left alone since it failed again and again; facts: `system`, `retry_after_s`."""

    code = "adapter.resting"
    summary = "The system failed several times and is left alone for a while."
    advice = "Repeat after `retry_after_s` seconds; `erp-mcp health` shows how it is doing."


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


class ObjectFrozenError(TransientError):
    """A record that a saga has left half done; facts: `proposal_id` of what a person has to resolve."""

    code = "proposal.object_frozen"
    summary = "Several changes of which one is of this record stand half done; it stays as it is for now."
    advice = "Wait until a person has looked at `proposal_id` and resolved it (`erp-mcp proposals resolve`)."


class TooManySignInsError(TransientError):
    """More sign-ins came back from the provider than are asked about in a minute; facts: `retry_after_s`."""

    code = "page.too_many_sign_ins"
    summary = "Too many sign-ins that let nobody in came back from the provider in the last minute; nothing was done."
    advice = "Wait `retry_after_s` seconds and begin again on the sign-in page; passphrases are not held up by it."


class TooManyTriesError(TransientError):
    """Passphrases that were wrong several times in a row; facts: `retry_after_s`."""

    code = "approval.too_many_tries"
    summary = "The passphrase was wrong several times in a row."
    advice = "Wait `retry_after_s` seconds and type it again; the terminal (`erp-mcp approvals`) has no such wait."


class WritesStoppedError(TransientError):
    """A kill switch that is pressed; facts: `scope`, and `reason` `site_not_known` for a write that may touch any."""

    code = "writes.stopped"
    summary = "An operator has stopped writes."
    advice = "Wait; `erp-mcp writes status` says why, `erp-mcp writes resume` lets them go on."
