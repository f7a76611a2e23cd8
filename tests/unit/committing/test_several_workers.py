"""Several workers on one queue: each proposal is in one hand at a time, and carried out once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.unit.committing.office import CREATE, TOOLS, Office

ROOT = Path(__file__).parents[3]
PROPOSALS = 12


@guarantees("P4.one_effect", "P4.table")
def test_two_worker_processes_carry_out_each_proposal_once(tmp_path: Path) -> None:
    """Two services, or a service and the one-shot worker of an approval, are an ordinary thing."""
    office = Office.furnished(tmp_path)
    contents = [office.approved(CREATE, number=number) for number in range(1, PROPOSALS + 1)]
    office.close()
    command = [sys.executable, "-m", "tests.unit.committing.worker", str(tmp_path)]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    again = Office(tmp_path)
    stands = {again.stand(content) for content in contents}
    assert (stands, [again.effects(content) for content in contents]) == ({("COMMITTED", "")}, [1] * PROPOSALS)
    assert sum(one["sent"] for one in told) == PROPOSALS
    assert again.flaws() == []
    again.close()


@guarantees("P4.table", "P10.survives")
@pytest.mark.parametrize("point", ["taken_claimed", "prepared", "before_send"])
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_worker_overtaken_before_it_sends_sends_nothing(office: Office, tool: str, point: str) -> None:
    """It stood still past its lease; whoever took over has a higher fence, and its own move is refused."""
    content = office.approved(tool)
    overtaking = Office(office.folder)
    done: list[str] = []

    def overtake(at: str) -> None:
        if at == point and not done:
            done.append(at)
            office.clock.advance(121)
            overtaking.clock.advance(121)
            taken = overtaking.state.proposals.take("w2", lease_s=120)
            assert taken is not None
            assert taken.fence == 2

    slow = await office.committer(at=overtake).work("w1")
    overtaking.close()
    assert slow is not None
    assert (slow.lost, office.erp.sent) == (True, [])
    office.clock.advance(121)
    assert (await office.work("w3")).proposal.state is State.COMMITTED
    assert (office.effects(content), office.flaws()) == (1, [])


@guarantees("P4.table", "P4.unknown")
async def test_a_worker_overtaken_after_it_sent_records_nothing_and_the_other_finds_it(office: Office) -> None:
    """Its answer comes too late to count; reading back says the same."""
    content = office.approved()

    def overtake(at: str) -> None:
        if at == "answered":
            office.clock.advance(121)
            taken = office.state.proposals.take("w2", lease_s=120)
            assert taken is not None
            assert taken.state is State.UNKNOWN

    slow = await office.committer(at=overtake).work("w1")
    assert slow is not None
    assert slow.lost
    assert (await office.until_end(content)).state is State.COMMITTED
    assert (len(office.erp.sent), office.effects(content), office.flaws()) == (1, 1, [])
