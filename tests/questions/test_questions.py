"""The questions that people ask, over stdio, against plants whose truth is known."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.questions.answering import ANSWERS
from tests.questions.more_answering import EVERY_ANSWER
from tests.questions.plants import badges, badges_in, hire_clerk, offline, prepare
from tests.questions.run import WAYS, Score, Way, score
from tests.questions.scoring import Question, Truth, every_question, questions
from tests.systems.matrix.covering import DEMO_PLANT, QUESTIONS, covers
from tests.warm import Warm

SEEDS = (1, 2)  # the first is that of the plant which is built once
VARIANTS = WAYS[1:]


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> dict[int, Path]:
    """A plant per seed; the first one's is built once for many files of tests."""
    base = tmp_path_factory.mktemp("plants")
    hire_clerk(demo_plant(base / str(SEEDS[0])))
    for seed in SEEDS[1:]:
        prepare(base / str(seed), seed)
    return {seed: base / str(seed) for seed in SEEDS}


@pytest.fixture(scope="module")
def varied(plants: dict[int, Path], warm: Warm) -> dict[tuple[int, str], Score]:
    """Every question asked of every plant in every other way."""
    return {
        (seed, way.name): asyncio.run(score(plant, seed, way=way, deep=False, warm=warm))
        for seed, plant in plants.items()
        for way in VARIANTS
    }


@pytest.fixture(scope="module")
def scored(plants: dict[int, Path], varied: dict[tuple[int, str], Score], warm: Warm) -> dict[int, Score]:
    """Everything asked of the plants as they are, last of all: of the first one also why each line is late."""
    assert varied
    return {seed: asyncio.run(score(plant, seed, deep=seed == SEEDS[0], warm=warm)) for seed, plant in plants.items()}


@covers(QUESTIONS, DEMO_PLANT)
@guarantees("P7.right_cause")
@pytest.mark.parametrize("question", [one.id for one in questions()])
def test_a_question_is_answered_exactly_as_the_truth_says(scored: dict[int, Score], question: str) -> None:
    """A client that sees nothing but tool answers gets it right."""
    first = scored[SEEDS[0]]
    assert question in first.right, first.wrong.get(question)


@guarantees("P7.right_answers")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("question", [one.id for one in every_question()])
def test_a_question_of_any_role_is_answered_exactly_as_the_truth_says(
    scored: dict[int, Score], question: str, seed: int
) -> None:
    """Each agent with its own rights, and tools that are not on its list by way of the search tools."""
    assert question in scored[seed].right, scored[seed].wrong.get(question)


@guarantees("P7.right_answers", "P7.stable_paging")
@pytest.mark.parametrize("seed", SEEDS)
def test_ten_rows_a_page_change_no_answer(varied: dict[tuple[int, str], Score], seed: int) -> None:
    """Who follows the cursor gets everything, over more calls."""
    found = varied[seed, VARIANTS[0].name]

    assert found.wrong == {}
    assert len(found.right) == len(every_question())


@guarantees("P7.missing_is_named")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", VARIANTS[1:], ids=lambda way: way.offline)
def test_a_system_that_is_offline_is_named_wherever_it_is_missed(
    varied: dict[tuple[int, str], Score], seed: int, way: Way
) -> None:
    """Right without it, or partial or refused with its name; never wrong, and never right by silence."""
    found = varied[seed, way.name]

    assert (found.wrong, found.silent) == ({}, {})
    assert found.declared
    assert found.right
    assert found.points == len(every_question())


@guarantees("P7.missing_is_named")
@pytest.mark.parametrize("seed", SEEDS)
def test_what_only_the_erp_knows_is_answered_without_the_shop_floor(
    varied: dict[tuple[int, str], Score], seed: int
) -> None:
    """One system that is gone takes no other with it."""
    found = varied[seed, "mes offline"]

    assert {"1", "15", "17", "20", "22", "23", "32", "34", "35", "37", "39"} <= set(found.right)


@guarantees("P8.no_person")
def test_no_answer_to_any_question_holds_the_badge_of_an_operator(
    scored: dict[int, Score], varied: dict[tuple[int, str], Score], plants: dict[int, Path]
) -> None:
    """Both systems keep badges beside what is asked for."""
    held = badges(plants[SEEDS[0]])

    assert badges_in(f"seen: {min(held)}.") == {min(held)}
    assert [one.leaked for one in (*scored.values(), *varied.values())] == [[]] * (len(scored) + len(varied))


@guarantees("P7.right_cause")
def test_every_late_line_is_explained_by_what_was_planted(scored: dict[int, Score]) -> None:
    """The code of the cause and the documents behind it, for all 48."""
    explained = scored[SEEDS[0]].explained
    assert (explained.right, explained.late) == (48, 48), explained.wrong


@guarantees("P7.right_cause")
def test_no_healthy_line_is_called_late(scored: dict[int, Score]) -> None:
    """Asking why a healthy order is late must not make up a reason, for all 212."""
    explained = scored[SEEDS[0]].explained
    assert (explained.called_late, explained.healthy) == (0, 212)


@guarantees("P7.right_cause")
def test_a_healthy_line_that_is_declared_late_is_given_no_cause(scored: dict[int, Score]) -> None:
    """Where the data shows no cause, "unknown" is the answer, although a join would call most of these lines late."""
    assert scored[SEEDS[0]].invented == []
    assert scored[SEEDS[0]].naive > 100


@guarantees("P7.right_cause")
def test_every_question_of_the_fixtures_can_be_asked() -> None:
    """A question without a way to answer it would be passed over in silence."""
    assert {one.id for one in questions()} == set(ANSWERS)
    assert {one.id for one in every_question()} == set(EVERY_ANSWER)
    assert len(every_question()) == len(EVERY_ANSWER)


@guarantees("P7.right_answers")
def test_an_answer_in_another_order_or_with_one_more_row_is_not_right(plants: dict[int, Path]) -> None:
    """The judge itself: lists by their order, sets without additions, numbers by value."""
    truth = Truth(path=plants[SEEDS[0]] / "truth.sqlite")
    asked: dict[str, Question] = {one.id: one for one in every_question()}
    ranked, due = truth.wanted(asked["16"]), truth.wanted(asked["34"])

    assert truth.right(asked["16"], [(center, f"{count}.0") for center, count in ranked])
    assert not truth.right(asked["16"], ranked[::-1])
    assert truth.right(asked["34"], due[::-1])
    assert not truth.right(asked["34"], due[:-1])
    assert not truth.right(asked["34"], [*due, ("X",)])
    assert truth.invents(asked["34"], [*due, ("X",)])
    assert not truth.invents(asked["34"], due[:-1])


@guarantees("P7.missing_is_named")
def test_a_system_that_was_offline_is_back_as_it_was(plants: dict[int, Path]) -> None:
    """What is asked afterwards is asked of the same plant."""
    plant = plants[SEEDS[0]]
    before = (plant / "mes.sqlite").stat().st_size
    with offline(plant, "mes"):
        assert not (plant / "mes.sqlite").exists()

    assert (plant / "mes.sqlite").stat().st_size == before
