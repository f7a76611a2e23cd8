"""The same firm, asked through every way to it that runs here: the answers are the same, field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from tests.guarantees import guarantees
from tests.systems.cap.conftest import cap as cap  # noqa: PLC0414 - the rig's fixture, for this folder as well
from tests.systems.cap.server import Cap
from tests.systems.matrix.covering import (
    CAP_V2,
    CAP_V4,
    DEMO_PLANT,
    QUESTIONS,
    SQL_REPLICA,
    SYNC,
    TRIED,
    Of,
    covers,
)
from tests.systems.matrix.reasons import comparable
from tests.systems.same_answers.by_tool import OF_THE_ERP, OF_THE_MES, of_tool
from tests.systems.same_answers.deploying import REFERENCE
from tests.systems.same_answers.expected import explained
from tests.systems.same_answers.run import Result, compare, refused, unexplained

pytestmark = pytest.mark.live

WAYS = ("cap-v2", "cap-v4", "replica")
SAYS_WHAT_IS_NOT_KEPT: Final = frozenset({"get_purchase_order"})
"""What the reference keeps of a line and S/4HANA does not, to see that other answers are the same without it."""
BY_WAY: Final = Of("way", {"cap-v2": CAP_V2, "cap-v4": CAP_V4, "replica": SQL_REPLICA})
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def results(cap: Cap, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Everything asked once of every back end."""
    found = compare(cap, tmp_path_factory.mktemp("same"), [])
    return {one.name: one for one in found}


@covers(QUESTIONS, DEMO_PLANT)
@guarantees("P7.same_answers")
def test_the_reference_answers_every_question_rightly(results: dict[str, Result]) -> None:
    """Equal to a wrong answer would be worth nothing."""
    reference = results[REFERENCE]
    assert [name for name, right in reference.asked.right.items() if not right] == []
    assert refused(reference.asked) == []


@covers(QUESTIONS, BY_WAY)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("way", WAYS)
def test_every_answer_is_that_of_the_demo_plant(results: dict[str, Result], way: str, record_property: Record) -> None:
    """Every sample question and every read tool with several arguments, table by table, cell by cell."""
    record_property(TRIED, (sum(results[way].asked.right.values()), len(results[way].asked.right)))
    assert results[way].unlike == {}
    told = {call.tool for name in results[way].explained_of for call in results[way].asked.calls[name]}
    assert told <= SAYS_WHAT_IS_NOT_KEPT
    assert all(results[way].asked.right.values())
    assert len(results[way].asked.calls) > 400


@covers(Of("tool"), BY_WAY)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("tool", [tool for tool in OF_THE_ERP if tool in comparable(CAP_V2)])
@pytest.mark.parametrize("way", WAYS)
def test_each_tool_answers_as_it_does_over_the_demo_plant(
    results: dict[str, Result], way: str, tool: str, record_property: Record
) -> None:
    """Each call of it, those of the questions too, with no difference and nothing refused."""
    told = of_tool(tool, results[REFERENCE].asked, results[way].asked, explained)
    record_property(TRIED, (told.alike, told.asked))
    assert told.alike == told.asked > 1
    assert told.explained == 0 or tool in SAYS_WHAT_IS_NOT_KEPT


@covers(Of("tool"), DEMO_PLANT)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("tool", [*comparable(CAP_V2), *OF_THE_MES])
def test_each_tool_answers_over_the_demo_plant(results: dict[str, Result], tool: str, record_property: Record) -> None:
    """With rows and not refused: all others are compared with it."""
    calls = [call for one in results[REFERENCE].asked.calls.values() for call in one if call.tool == tool]
    answered = [call for call in calls if "refused" not in call.answer]
    record_property(TRIED, (len(answered), len(calls)))
    assert len(answered) == len(calls) > 1
    assert any(table["rows"] for call in answered for table in call.answer["tables"].values())


@covers(SYNC, BY_WAY)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("way", WAYS)
def test_every_canonical_record_is_that_of_the_demo_plant(results: dict[str, Result], way: str) -> None:
    """All rows of all entities; fields that differ are those that are named with their reason."""
    assert {one.entity: unexplained(one) for one in results[way].records if unexplained(one)} == {}
    assert sum(one.rows for one in results[way].records) > 31_000
    assert all(one.missing == 0 for one in results[way].records)
