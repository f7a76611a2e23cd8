"""How old data may be, and how often it is fetched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessBudget:
    """Budget and cadence of one entity, in seconds. Older than the budget: flagged; older than four times: refused."""

    entity: str
    budget_s: int
    cadence_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityState:
    """Where one entity of one system stands in the read model.

    `as_of` is the older of the time of reading and the source's own high-water mark, on the plant clock; empty when the
    entity was never completely synchronised. `lacks` names the optional fields that the system does not keep.
    """

    system: str
    entity: str
    as_of: str
    rows: int
    complete: bool
    watermark: str = ""
    clock_suspect: bool = False
    last_error: str = ""  # error code of the last attempt, empty when it succeeded
    attempted_at: str = ""  # when the last attempt ended, on the wall clock; cadence counts from here
    lacks: tuple[str, ...] = ()
