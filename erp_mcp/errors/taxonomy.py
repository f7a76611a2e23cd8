"""What every error is, and what its five groups tell the caller to do next."""

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
