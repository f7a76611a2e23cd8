"""A worker that dies anywhere, with any write tool and under any contract, leaves one effect at most, and the truth.

Here every single death is played for every tool and contract, pairs for three tools of each contract, and a seeded
sample of the rest; `make torture` plays all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.command import RetryKind
from tests.guarantees import guarantees
from tests.torture.__main__ import print_lost_answers
from tests.torture.plant import UNDO
from tests.torture.ports import KINDS, WAYS, Planted, Way, kinds_of, meets
from tests.torture.stage import Asked, Set, Tally, crash, own_kind, wire

# A record that changes, a document that is made, a task of the gateway's own.
THREE: Final = ("propose_update_delivery_date", "propose_create_purchase_order", "propose_create_human_task")
# None of these makes a record, since that has no version which a contract could be kept by.
THREE_CHANGES: Final = ("propose_update_delivery_date", "propose_adjust_allocation", UNDO)
SEED: Final = 6


def some(played: Set, names: Iterable[str]) -> Set:
    """Return a set of some tools."""
    return replace(played, templates=[one for one in played.templates if one.tool in names])


def summed(tallies: Iterable[Tally]) -> Tally:
    """Add up, and see that nothing is wrong."""
    total = Tally()
    for one in tallies:
        total.take(one)
    assert (total.duplicates, total.lost, total.illegal) == (0, 0, 0), "\n".join(total.wrongs)
    return total


@guarantees("P4.one_effect")
def test_every_operation_that_the_product_writes_is_played(played: Set) -> None:
    """A tool that is new is played at once, or its operation is missed here."""
    assert {one.content.command.operation for one in played.templates} == set(OPERATIONS)
    assert len({one.content.proposal_id for one in played.templates}) == len(played.templates) == len(OPERATIONS) + 1
    assert {own_kind(played, one) for one in played.templates} <= set(KINDS)


@guarantees("P4.one_effect", "P4.unknown", "P4.table", "P10.survives")
@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_killed_at_any_point_writes_at_most_once_with_every_tool(played: Set, kind: RetryKind) -> None:
    """What can be found out ends as what it is; what can't is left to a person, and nothing is sent twice."""
    total = summed(crash(played, Asked(kinds=(kind,), ways=("plain",))))
    tools = [one for one in played.templates if kind in kinds_of(one)]
    assert total.schedules >= 16 * len(tools)
    assert total.played >= 5 * len(tools)
    assert total.states["COMMITTED"] >= 3 * len(tools)
    assert total.states["NEEDS_HUMAN" if kind == "none" else "NOT_APPLIED"] >= len(tools)
    assert total.sends <= total.played


@guarantees("P4.one_effect", "P4.unknown", "P4.table", "P10.survives")
@pytest.mark.parametrize("kind", KINDS)
def test_a_second_worker_killed_at_any_point_changes_nothing_of_that(played: Set, kind: RetryKind) -> None:
    """Every pair of deaths; a death that leaves what the one before left is not played again."""
    three = some(played, THREE_CHANGES if kind == "conditional" else THREE)
    total = summed(crash(three, Asked(kinds=(kind,), ways=("plain",), pairs=None)))
    assert total.schedules >= 3 * 16 * 10
    assert total.played >= 3 * 20


@guarantees("P4.one_effect", "P4.unknown", "P4.turned_away", "P10.survives")
@pytest.mark.parametrize("way", [way for way in WAYS if way != "plain"])
def test_a_worker_killed_while_its_system_fails_leaves_a_state_that_is_true(played: Set, way: Way) -> None:
    """Each way on which a system can fail, with a tool and a contract chosen by a seed; two and three deaths too."""
    chance = Random(f"{SEED} {way}")
    template = chance.choice(played.templates)
    kind = chance.choice([one for one in kinds_of(template) if meets(one, way)])
    asked = Asked(kinds=(kind,), ways=(way,), pairs=2, triples=2, seed=SEED)
    total = summed(crash(some(played, [template.tool]), asked))
    assert total.schedules >= 12


@guarantees("P4.one_effect", "P4.stale")
@pytest.mark.parametrize("tool", THREE_CHANGES)
def test_what_is_refused_for_a_version_that_it_wrote_itself_is_committed(played: Set, tool: str) -> None:
    """Somebody on the way sends it twice: the answer to the second says that the record has changed."""
    total = summed(crash(some(played, [tool]), Asked(kinds=("conditional",), ways=("twice",))))
    assert "STALE" not in total.states
    assert total.states["COMMITTED"] >= 3


@guarantees("P4.one_effect")
@pytest.mark.parametrize(
    ("planted", "kind", "way", "figure"),
    [
        ("send_again", "readback", "plain", "duplicates"),
        ("send_again", "none", "cut_after", "duplicates"),
        ("forgets", "unique_ref", "plain", "lost"),
        ("forgets", "conditional", "cut_after", "lost"),
        ("strays", "native_key", "plain", "illegal"),
    ],
)
def test_the_harness_sees_what_is_wrong(played: Set, planted: Planted, kind: RetryKind, way: Way, figure: str) -> None:
    """A proof that can't fail proves nothing: a worker that sends again, a system that forgets or does more."""
    asked = Asked(kinds=(kind,), ways=(way,), planted=planted)
    (tally,) = crash(some(played, THREE[:1]), asked)
    assert getattr(tally, figure) > 0
    assert tally.is_wrong
    assert tally.wrongs


@guarantees("P4.unknown")
def test_of_what_was_written_and_not_answered_the_closing_table_says_how_much_was_found_out_by_contract(
    played: Set, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker finds out all of it, or hands all of it to a person where nothing can be found out."""
    chosen = some(played, ["propose_update_sales_price"])
    tallies = [*crash(chosen, Asked(ways=("plain", "cut_after"))), *wire(chosen, Asked(sample=8, seed=SEED))]
    print_lost_answers(tallies)
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    table = {name: told for name, count, *told in rows[1:] if int(count) > 2}
    found_out, left = ["100.0%", "0.0%", "0.0%", "0"], ["0.0%", "100.0%", "0.0%", "0"]
    assert table == {kind: left if kind == "none" else found_out for kind in KINDS}
    assert not any(one.answer_lost for one in tallies if one.way == "plain")
