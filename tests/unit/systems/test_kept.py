"""What a profile or a file of budgets was parsed into, kept for the next process: as good as it, never in its place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from erp_mcp import strict_yaml
from erp_mcp.errors import ConfigurationError, ProfileFileError
from erp_mcp.systems import SHIPPED, load_budgets, load_profile
from tests.guarantees import guarantees

NAME = "demo-erp"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a copy of a shipped profile: a process takes no file of another place for one it has read."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    shutil.copy(SHIPPED / f"{NAME}.yaml", folder)
    return folder


def elsewhere(place: Path, name: str) -> Path:
    """Return another folder with the same files."""
    return Path(shutil.copytree(place, place.with_name(name)))


def never(*_: object, **__: object) -> NoReturn:
    raise AssertionError("parsed")


@guarantees("input.clear_errors")
def test_what_is_kept_is_not_parsed_again_and_says_the_same(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later process reads the very profile that the file gives."""
    shipped = load_profile(NAME, [SHIPPED])
    first = load_profile(NAME, [place], kept=tmp_path / "kept")
    monkeypatch.setattr(strict_yaml, "YAML", never)

    again = load_profile(NAME, [elsewhere(place, "again")], kept=tmp_path / "kept")

    assert again == first == shipped
    assert list(again.entities) == list(first.entities)  # order and all
    with pytest.raises(AssertionError, match="parsed"):
        load_profile(NAME, [elsewhere(place, "unkept")])


@guarantees("input.clear_errors")
def test_an_edited_file_counts_at_once(place: Path, tmp_path: Path) -> None:
    """Whatever is kept of the one before."""
    load_profile(NAME, [place], kept=tmp_path / "kept")
    file = place / f"{NAME}.yaml"
    text = file.read_text(encoding="utf-8")
    assert "\nzone: Europe/Berlin\n" in text
    file.write_text(text.replace("\nzone: Europe/Berlin\n", "\nzone: Europe/Paris\n"), encoding="utf-8")

    assert load_profile(NAME, [place], kept=tmp_path / "kept").zone == "Europe/Paris"


@guarantees("P10.survives")
@pytest.mark.parametrize("damage", ["", "{}", "cut", "other"])
def test_what_is_damaged_is_parsed_anew(place: Path, tmp_path: Path, damage: str) -> None:
    """A file that was half written or touched says nothing."""
    kept = tmp_path / "kept" / f"{NAME}.json"
    first = load_profile(NAME, [place], kept=kept.parent)
    text = kept.read_text(encoding="utf-8")
    assert '"Europe/Berlin"' in text
    kept.write_text(
        {"cut": text[:-10], "other": text.replace('"Europe/Berlin"', '"Europe/Paris"')}.get(damage, damage),
        encoding="utf-8",
    )

    assert load_profile(NAME, [elsewhere(place, "again")], kept=kept.parent) == first
    assert kept.read_text(encoding="utf-8") == text


@guarantees("input.clear_errors")
def test_a_mistake_has_its_line_whether_the_file_was_parsed_or_kept(place: Path, tmp_path: Path) -> None:
    """What is kept is the text as parsed, and each process checks it."""
    file = place / f"{NAME}.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("\nzone: Europe/Berlin\n", "\nzone: Nowhere\n"), encoding="utf-8"
    )
    told = []
    for folder in (place, elsewhere(place, "again")):
        with pytest.raises(ProfileFileError) as caught:
            load_profile(NAME, [folder], kept=tmp_path / "kept")
        told.append(caught.value.facts)

    assert told[0] == told[1]
    assert (told[0]["key"], told[0]["reason"]) == ("zone", "no such time zone")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[int(str(told[0]["line"])) - 1] == "zone: Nowhere"


@guarantees("P10.survives")
def test_a_place_that_cannot_be_written_costs_time_and_not_the_profile(place: Path, tmp_path: Path) -> None:
    """A state directory that is read-only still serves."""
    (tmp_path / "file").write_text("")
    assert load_profile(NAME, [place], kept=tmp_path / "file").name == NAME


@guarantees("P7.freshness", "input.clear_errors")
def test_budgets_are_parsed_once_and_an_edited_or_broken_file_counts_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later process takes is what the file says, and a mistake has its line."""
    file, kept = Path(shutil.copy(SHIPPED / "freshness.yaml", tmp_path)), tmp_path / "state" / "budgets.json"
    shipped, text = load_budgets(file), file.read_text(encoding="utf-8")
    assert load_budgets(file, kept=kept) == shipped
    with monkeypatch.context() as once:
        once.setattr(strict_yaml, "YAML", never)
        assert load_budgets(file, kept=kept) == shipped
    of_jobs = "job: {budget_s: 300, cadence_s: 60}"
    file.write_text(text.replace(of_jobs, "job: {budget_s: 240, cadence_s: 60}"), encoding="utf-8")
    assert load_budgets(file, kept=kept)["job"].budget_s == 240
    kept.write_text(kept.read_text(encoding="utf-8").replace("240", "480"), encoding="utf-8")
    assert load_budgets(file, kept=kept)["job"].budget_s == 240
    file.write_text(text.replace(of_jobs, "job: {budget_s: 60, cadence_s: 300}"), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            load_budgets(file, kept=kept)
        assert (caught.value.facts["key"], caught.value.facts["line"]) == (
            "entities.job",
            text[: text.index(of_jobs)].count("\n") + 1,
        )
