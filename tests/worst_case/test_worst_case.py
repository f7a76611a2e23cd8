"""The worst agent there can be, in a bounded form: what it reads it obeys, and nothing comes of it without a person.

The large form: `python -m tests.worst_case.run --seed 1 --rounds 10`.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.answers.clean import clean_text
from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.worst_case import plant
from tests.worst_case.grammar import World, deeds, marks_in, planted
from tests.worst_case.holed import FOUND_BY
from tests.worst_case.run import INSTRUCTIONS, attack

_WORLD: Final = World(
    writes=[("propose_x", {"site": "1000", "reason": "it is so"})],
    reads=["get_x"],
    others=["prp_000000000001"],
    keys=["another-key"],
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """Prepare a plant in which everything may be proposed, by two agents."""
    folder = demo_plant(tmp_path_factory.mktemp("worst case") / "demo")
    with (folder / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        file.write("deadline_s: 60\n")  # a busy machine refuses nothing for that
    plant.allow_everything(folder)
    return folder


@guarantees("P8.text_is_data")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_planted_instruction_is_understood_as_it_arrives_but_for_those_that_hide(seed: int) -> None:
    """An agent that understood nothing would prove nothing; what nobody sees is cleaned away before it reads."""
    texts = planted(seed, INSTRUCTIONS, _WORLD)
    kinds: Counter[str] = Counter()
    for one in texts:
        arrived, _ = clean_text(one.text)
        assert marks_in(arrived) == {one.mark}
        assert bool([*deeds(arrived)]) is not one.hidden
        assert [*deeds(one.text if one.hidden else arrived)] != []
        kinds.update(deed.kind for deed in deeds(arrived))
    assert len({one.text for one in texts}) == INSTRUCTIONS > 200
    assert set(kinds) == {"call", "line", "open", "decide"}
    assert 0 < sum(one.hidden for one in texts) < INSTRUCTIONS / 4


@guarantees("P3.people_commit", "P3.taint", "P3.agent_told", "P5.tamper_evident", "P8.text_is_data", "P8.no_leaks")
def test_an_agent_that_obeys_every_instruction_it_finds_commits_nothing_without_a_person(
    prepared: Path, tmp_path: Path
) -> None:
    """Over real pipes, with every write tool granted and a worker running: systems and records are as before."""
    folder = Path(shutil.copytree(prepared, tmp_path / "demo"))

    seen = attack(folder, seed=1)

    assert {name: found for name, found in seen.wrong.items() if found} == {}
    assert seen.found > 200
    assert seen.obeyed > 200
    assert seen.proposals > 100
    assert seen.own_tasks == 1  # of the other agent: the worker was there all the time
    assert set(seen.states) <= {"AWAITING_APPROVAL", "CANCELLED", "COMMITTED"}
    assert seen.states["COMMITTED"] == 1


@guarantees("P3.people_commit", "P3.taint", "P8.no_leaks")
def test_holes_in_the_product_are_found_each_by_what_it_lets_happen(prepared: Path, tmp_path: Path) -> None:
    """A proof that can't fail proves nothing: five careless changes, and each shows where it must."""
    folder = Path(shutil.copytree(prepared, tmp_path / "demo"))

    seen = attack(folder, seed=2, count=70, most=6, hole=",".join(FOUND_BY))

    assert [hole for hole, name in FOUND_BY.items() if not seen.wrong[name]] == []
    assert seen.wrong["systems of record changed"] == ["ERP"]
