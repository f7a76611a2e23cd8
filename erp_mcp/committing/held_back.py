"""What becomes of a claimed proposal that can't be sent: the move it makes and the stable code of why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import exact_instant
from erp_mcp.errors import (
    AccountTooPowerfulError,
    CallerError,
    CatalogFileError,
    ClockJumpedError,
    ConfigurationError,
    DeniedError,
    GatewayError,
    LimitExceededError,
    ProfileFileError,
    ProposalDamagedError,
    RegistryDamagedError,
    RuleNotEvaluableError,
    RuleRefusedError,
    StaleDataError,
    SystemBusyError,
    SystemNotConfiguredError,
    SystemReadOnlyError,
    SystemRefusedError,
    SystemRestingError,
    SystemTimeoutError,
    SystemUnreachableError,
    TransientError,
    WritesStoppedError,
)

Ending = Literal["deny", "go_stale", "hand_over", "expire", "postpone"]
RECORD_GONE: Final = "R-GONE"
RETRY_AFTER: Final = "retry_after_s"
STOPPED: Final = "writes_stopped"
_FIRST_PAUSE_S: Final = 5
_LONGEST_PAUSE_S: Final = 300


class HeldBackError(Exception):
    """A claimed proposal is not sent; raised wherever that is found out, and made into a move in one place."""

    def __init__(self, move: Ending, reason: str, facts: Mapping[str, JsonValue] | None = None) -> None:
        """Keep the move, the stable code of why, and what its audit record says in the clear."""
        super().__init__(reason)
        self.move: Final = move
        self.reason: Final = reason
        self.facts: Final = facts or {}

    @property
    def at_least_s(self) -> int:
        """How long the system asked to be left alone, in seconds."""
        asked = self.facts.get(RETRY_AFTER, 0)
        return asked if isinstance(asked, int) else 0


# The first class that fits counts.
_OF_ERRORS: Final[tuple[tuple[type[GatewayError], Ending, str], ...]] = (
    (WritesStoppedError, "postpone", STOPPED),
    (ClockJumpedError, "postpone", "clock_jumped"),
    (LimitExceededError, "postpone", "limit_reached"),  # its window moves on, or the proposal expires
    (RuleRefusedError, "deny", "rule_refused"),
    (RuleNotEvaluableError, "deny", "rule_not_evaluable"),
    (SystemReadOnlyError, "deny", "system_read_only"),
    (StaleDataError, "postpone", "data_too_old"),  # a synchronisation mends it, or the proposal expires
    (DeniedError, "deny", "not_allowed"),
    (ProposalDamagedError, "hand_over", "proposal_damaged"),
    (RegistryDamagedError, "hand_over", "registry_damaged"),
    (SystemNotConfiguredError, "postpone", "system_not_configured"),
    (SystemUnreachableError, "postpone", "system_unreachable"),
    (SystemTimeoutError, "postpone", "system_timeout"),
    (SystemRefusedError, "postpone", "system_refused_account"),
    (AccountTooPowerfulError, "postpone", "account_too_powerful"),
    (SystemBusyError, "postpone", "system_busy"),
    (SystemRestingError, "postpone", "system_resting"),
    (TransientError, "postpone", "not_ready"),
    (CatalogFileError, "postpone", "tools_unusable"),
    (ConfigurationError, "postpone", "configuration_unusable"),
    (ProfileFileError, "postpone", "configuration_unusable"),
    (CallerError, "deny", "arguments_refused"),
    (GatewayError, "postpone", "gateway_fault"),
)


def held_back_by(error: Exception) -> HeldBackError:
    """Return what an error met while nothing has been sent means for the proposal.

    What policy, rules or limits say ends it; what an outage or a defect says leaves it approved, for later.
    """
    if isinstance(error, HeldBackError):
        return error
    if isinstance(error, RuleRefusedError) and error.facts.get("rule") == RECORD_GONE:
        return HeldBackError("go_stale", "record_gone")
    for kind, move, reason in _OF_ERRORS:
        if isinstance(error, kind):
            return HeldBackError(move, reason, _told(error))
    if isinstance(error, TimeoutError):
        return HeldBackError("postpone", "system_timeout")
    return HeldBackError("postpone", "worker_defect", {"error": type(error).__name__})


def pause_s(attempt: int, *, at_least: int = 0) -> int:
    """Return how many seconds to wait after the n-th attempt: 5, 10, 20 … 300, so that no defect runs hot."""
    return max(at_least, min(_FIRST_PAUSE_S << min(max(attempt - 1, 0), 10), _LONGEST_PAUSE_S))


def later(now: datetime, seconds: int) -> str:
    """Return the instant some seconds after `now` as the store writes it."""
    return exact_instant(now + timedelta(seconds=seconds))


def _told(error: GatewayError) -> dict[str, JsonValue]:
    """Return what the audit record says in the clear: code, rule and reason; messages may hold what is masked."""
    facts: dict[str, JsonValue] = {"code": error.code}
    for name in ("rule", "reason", "system", "limit", "scope", "seconds", RETRY_AFTER):
        fact = error.facts.get(name)
        if isinstance(fact, str | int):
            facts[name] = fact
    return facts
