"""What a synchronisation did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityReport:
    """One entity of one system: `changed` records were written, `removed` taken out (at least), `rows` are there now.

    `error` is the code that ended the pass, empty when it ended well, and `reason` why, in our words. `resumed` says
    that it went on where an earlier one was killed. `unresolved` counts the system's ids without a canonical id so far.
    """

    system: str
    entity: str
    rows: int
    changed: int
    removed: int
    seconds: float
    as_of: str
    error: str = ""
    reason: str = ""
    resumed: bool = False
    clock_suspect: bool = False
    unresolved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """One run over one system."""

    system: str
    entities: tuple[EntityReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every entity ended well."""
        return not any(entity.error for entity in self.entities)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """After each page: how many changes of the running pass were applied; `done` at its end."""

    system: str
    entity: str
    applied: int
    done: bool


OnProgress = Callable[[Progress], None]
