"""A system that takes an hour to settle: it is looked for all along, and called not applied after two whole hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from erp_mcp.committing.moving import LOOKED_FOR_S
from erp_mcp.domain.command import Command, Outcome, RetryContract, Written
from erp_mcp.ports import Commands
from tests.guarantees import guarantees
from tests.unit.committing.office import Office

SETTLE_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """The way to a system that says it settles within an hour."""

    office: Office

    @property
    def system(self) -> str:
        return "erp"

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return {name: replace(one, settle_s=SETTLE_S) for name, one in self.office.erp.operations.items()}

    async def send(self, command: Command) -> Outcome:
        return await self.office.erp.send(command)

    async def find(self, command: Command) -> Written | None:
        return await self.office.erp.find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self.office.erp.probe()

    async def close(self) -> None:
        """Nothing is held open."""


@guarantees("P4.unknown", "P4.one_effect")
async def test_the_second_miss_counts_as_long_after_the_first_as_the_system_takes_to_settle(office: Office) -> None:
    """Counted from the beginning, two looks within minutes would end it as not applied; it may come after that."""

    async def slow(_: str) -> Commands:
        return Slow(office=office)

    content = office.approved()
    office.erp.faults = ["cut_before"]
    passed: list[tuple[int, str, int]] = []
    for step in range(3 * SETTLE_S // LOOKED_FOR_S):
        while (done := await replace(office.committer(), commands=slow).work("w1")) is not None:
            passed.append((step * LOOKED_FOR_S, done.proposal.reason, done.proposal.misses))
        if office.stand(content)[0] == "NOT_APPLIED":
            break
        office.clock.advance(LOOKED_FOR_S, plant=False)

    assert (office.stand(content)[0], office.effects(content)) == ("NOT_APPLIED", 0)
    missed = next(at for at, _, misses in passed if misses == 1)
    ended = passed[-1][0]
    assert missed >= SETTLE_S
    assert ended - missed >= SETTLE_S
    looks = [at for at, _, misses in passed if misses == 1]
    assert len(looks) >= SETTLE_S // LOOKED_FOR_S // 2  # it was looked for in between as well
    assert office.flaws() == []
