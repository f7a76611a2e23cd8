"""What an explanation is made of: steps with their evidence, and causes made of steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

# Every word a root cause can be; docs/late-orders.md says what each needs to be true.
ROOT_CAUSES: Final = (
    "late_po",
    "po_not_placed",
    "quality_hold",
    "stock_discrepancy",
    "machine_down",
    "upstream_order_late",
    "bom_or_master_data",
    "credit_block",
    "delivery_block",
    "picked_not_shipped",
    "carrier_delay",
    "unknown",
    "on_time",
    "not_open",
)


class Witness(Protocol):
    """A row that says from which system and as of when it is."""

    @property
    def system(self) -> str:
        """The system of record."""
        ...

    @property
    def as_of(self) -> str:
        """When it said so, a UTC instant of the plant clock."""
        ...


class Step(NamedTuple):
    """One link of a chain. Quantities are scaled, in `uom`; `evidence` is `entity/id` or `entity/id/line`."""

    node_type: str
    node_id: str
    fact: str
    evidence: str
    system: str
    as_of: str
    qty: int | None = None
    qty_other: int | None = None
    uom: str | None = None
    planned_date: str | None = None
    expected_date: str | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason why something waits, with the steps that lead to it.

    `since` is when it became known, empty when nothing says; `slip_days` is how long what waits is held up by it.
    A cause is `sufficient` when it alone holds up, and `certain` when nothing it rests on is missing or doubtful.
    """

    code: str
    steps: tuple[Step, ...]
    since: str = ""
    slip_days: int = 0
    sufficient: bool = True
    certain: bool = True

    @property
    def root(self) -> Step:
        """The last step: the thing to act on."""
        return self.steps[-1]

    def behind(self, *steps: Step, certain: bool = True) -> Cause:
        """Return the same cause seen from further up: with `steps` in front."""
        return replace(self, steps=(*steps, *self.steps), certain=self.certain and certain)


def step(
    witness: Witness,
    node_type: str,
    node_id: str,
    fact: str,
    *,
    evidence: str = "",
    qty: int | None = None,
    qty_other: int | None = None,
    uom: str | None = None,
    planned: str | None = None,
    expected: str | None = None,
    since: str | None = None,
) -> Step:
    """Return a step that `witness` is the evidence for; `evidence` defaults to `node_type/node_id`."""
    return Step(
        node_type=node_type,
        node_id=node_id,
        fact=fact,
        evidence=evidence or f"{node_type}/{node_id}",
        system=witness.system,
        as_of=witness.as_of,
        qty=qty,
        qty_other=qty_other,
        uom=uom,
        planned_date=planned or None,
        expected_date=expected or None,
        since=since or None,
    )


def in_order(causes: list[Cause]) -> list[Cause]:
    """Sort causes: known and sufficient ones first, then the nearest to the order line, then the one known longest."""
    return sorted(causes, key=_place_of)


def _place_of(one: Cause) -> tuple[bool, bool, int, str, str]:
    return (one.code == "unknown", not one.sufficient, len(one.steps), one.since or "9", one.root.evidence)
