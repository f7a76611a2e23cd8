"""An outage holds up what was approved, for as long as policy lets it, and loses none of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.domain.proposal import Content
from erp_mcp.errors import (
    GatewayError,
    SystemRestingError,
    SystemTimeoutError,
    SystemUnreachableError,
    WritesStoppedError,
)
from tests.guarantees import guarantees
from tests.unit.committing.office import TERMS, Office

HOUR_S = 3600
VALID_S = 3 * HOUR_S  # of what the office proposes
PAUSE_S = 2 * HOUR_S


def approved(office: Office, *, outage_s: int = PAUSE_S) -> Content:
    """Return a proposal that Bob has approved under terms that let an outage hold it up."""
    content = office.propose(terms=replace(TERMS, outage_s=outage_s))
    office.approve(content)
    return content


async def pass_time(office: Office, seconds: int) -> None:
    """Let time pass as it does: a worker looks every ten minutes."""
    for _ in range(seconds // 600):
        office.clock.advance(600, plant=False)
        await office.work_off()


@guarantees("P10.outage", "P4.one_effect")
@pytest.mark.parametrize("error", [SystemUnreachableError, SystemTimeoutError, SystemRestingError])
async def test_what_an_outage_held_up_is_written_once_it_is_over(error: type[GatewayError], office: Office) -> None:
    """The system was out when the time ended; what a person approved is not lost by that."""
    content = approved(office)
    office.desk.error = error(system="erp")
    await pass_time(office, VALID_S + HOUR_S)
    assert office.stand(content)[0] == "APPROVED"
    office.desk.error = None
    await pass_time(office, 600)
    assert (office.stand(content), office.effects(content)) == (("COMMITTED", ""), 1)
    assert office.flaws() == []


@guarantees("P10.outage")
async def test_an_outage_holds_it_up_no_longer_than_policy_lets_it(office: Office) -> None:
    """The bound is counted from the end of its time, however often the system went away in between."""
    content = approved(office)
    office.desk.error = SystemUnreachableError(system="erp")
    await pass_time(office, VALID_S + PAUSE_S - 1200)
    assert office.stand(content)[0] == "APPROVED"
    await pass_time(office, 1800)
    assert office.stand(content)[0] == "EXPIRED"
    office.desk.error = None
    await pass_time(office, 1200)
    assert (office.stand(content)[0], office.erp.sent) == ("EXPIRED", [])


@guarantees("P10.outage", "P3.expires")
@pytest.mark.parametrize("outage_s", [0, PAUSE_S])
async def test_what_waits_for_anything_else_expires_as_it_was_shown(outage_s: int, office: Office) -> None:
    """A stop by hand is no outage; and without leave of policy no outage counts either."""
    content = approved(office, outage_s=outage_s)
    stopped = WritesStoppedError(scope="all")
    office.desk.error = stopped if outage_s else SystemUnreachableError(system="erp")
    await pass_time(office, VALID_S + 1200)
    assert (office.stand(content)[0], office.erp.sent) == ("EXPIRED", [])


@guarantees("P10.outage", "P3.expires")
async def test_an_outage_that_is_over_before_its_time_gives_it_no_more(office: Office) -> None:
    """Once the system is back and something else holds it up, its time is its time."""
    content = approved(office)
    office.desk.error = SystemUnreachableError(system="erp")
    await pass_time(office, HOUR_S)
    assert office.state.proposals.get(content.proposal_id).paused_until
    office.desk.error = WritesStoppedError(scope="all")
    await pass_time(office, HOUR_S)
    assert office.state.proposals.get(content.proposal_id).paused_until == ""
    await pass_time(office, VALID_S)
    assert office.stand(content)[0] == "EXPIRED"
