"""The same firm, asked through every way to it that runs here: the answers are the same, field by field."""

from __future__ import annotations

import pytest

from tests.guarantees import guarantees
from tests.systems.cap.conftest import cap as cap  # noqa: PLC0414 - the rig's fixture, for this folder as well
from tests.systems.cap.server import Cap
from tests.systems.same_answers.deploying import REFERENCE
from tests.systems.same_answers.run import Result, compare, refused, unexplained

pytestmark = pytest.mark.live

WAYS = ("cap-v2", "cap-v4", "replica")


@pytest.fixture(scope="module")
def results(cap: Cap, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Everything asked once of every back end."""
    found = compare(cap, tmp_path_factory.mktemp("same"), [])
    return {one.name: one for one in found}


@guarantees("P7.same_answers")
def test_the_reference_answers_every_question_rightly(results: dict[str, Result]) -> None:
    """Equal to a wrong answer would be worth nothing."""
    reference = results[REFERENCE]
    assert [name for name, right in reference.asked.right.items() if not right] == []
    assert refused(reference.asked) == []


@guarantees("P7.same_answers")
@pytest.mark.parametrize("way", WAYS)
def test_every_answer_is_that_of_the_demo_plant(results: dict[str, Result], way: str) -> None:
    """Every sample question and every read tool with several arguments, table by table, cell by cell."""
    assert results[way].unlike == {}
    assert results[way].explained == {}, "no answer needs an explanation"
    assert all(results[way].asked.right.values())
    assert len(results[way].asked.calls) > 200


@guarantees("P7.same_answers")
@pytest.mark.parametrize("way", WAYS)
def test_every_canonical_record_is_that_of_the_demo_plant(results: dict[str, Result], way: str) -> None:
    """All rows of all entities; fields that differ are those that are named with their reason."""
    assert {one.entity: unexplained(one) for one in results[way].records if unexplained(one)} == {}
    assert sum(one.rows for one in results[way].records) > 19_000
    assert all(one.missing == 0 for one in results[way].records)
