"""The questions that people ask, over stdio, against a plant whose truth is known."""

from __future__ import annotations

import asyncio

import pytest

from tests.guarantees import guarantees
from tests.questions.answering import ANSWERS
from tests.questions.run import Score, prepare, score
from tests.questions.scoring import questions
from tests.systems.matrix.covering import DEMO_PLANT, QUESTIONS, covers

SEED = 1


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Score:
    """Everything asked once of a fresh plant."""
    directory = tmp_path_factory.mktemp("plant") / "demo"
    prepare(directory, SEED)
    return asyncio.run(score(directory, SEED))


@covers(QUESTIONS, DEMO_PLANT)
@guarantees("P7.right_cause")
@pytest.mark.parametrize("question", [one.id for one in questions()])
def test_a_question_is_answered_exactly_as_the_truth_says(scored: Score, question: str) -> None:
    """A client that sees nothing but tool answers, ten rows a page, gets it right."""
    assert question in scored.right, scored.wrong.get(question)


@guarantees("P7.right_cause")
def test_every_late_line_is_explained_by_what_was_planted(scored: Score) -> None:
    """The code of the cause and the documents behind it, for all 48."""
    assert (scored.explained.right, scored.explained.late) == (48, 48), scored.explained.wrong


@guarantees("P7.right_cause")
def test_no_healthy_line_is_called_late(scored: Score) -> None:
    """Asking why a healthy order is late must not make up a reason, for all 212."""
    assert (scored.explained.called_late, scored.explained.healthy) == (0, 212)


@guarantees("P7.right_cause")
def test_a_healthy_line_that_is_declared_late_is_given_no_cause(scored: Score) -> None:
    """Where the data shows no cause, "unknown" is the answer, although a join would call most of these lines late."""
    assert scored.invented == []
    assert scored.naive > 100


@guarantees("P7.right_cause")
def test_every_question_of_the_fixture_can_be_asked() -> None:
    """A question without a way to answer it would be passed over in silence."""
    assert {one.id for one in questions()} == set(ANSWERS)
