"""What is kept of a profile decides nothing by itself: whatever is changed in it, another target is signed for."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp import settings as settings_file
from erp_mcp.bootstrap.targets import target_of
from erp_mcp.catalog.compiled import put
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError
from erp_mcp.settings import Settings
from erp_mcp.systems import SHIPPED, load, load_profile
from tests.guarantees import guarantees

PROFILES: Final = ("demo-erp", "erpnext", "s4hana", "tryton")  # one of each kind that takes writes
CHANGES: Final = 24  # of each, half of them in what says how it is written to
FILE: Final = """\
version: 1
deployment: north
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
read_model: read_model.sqlite
policies: policies
systems:
  erp: {profile: NAME, url: "https://erp.example", account: reader, secret: "env:READ", write: {secret: "env:WRITE"}}
"""


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where there is a value that holds no others."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))
    else:
        yield path


def other(value: Any, chance: random.Random) -> Any:
    """Return another value of its kind."""
    if isinstance(value, bool) or value is None:
        return not value
    return value + chance.choice((1, -1)) if isinstance(value, int) else f"{value}x"


def changed(data: Any, path: tuple[str | int, ...], chance: random.Random) -> Any:
    """Return a copy in which one value is another one, or gone."""
    made = copy.deepcopy(data)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if chance.random() < 0.3:
        del inner[path[-1]]
    else:
        inner[path[-1]] = other(inner[path[-1]], chance)
    return made


def told(profile: Profile) -> dict[str, Any]:
    """Return what a profile says but for what is read again after a write."""
    return {name: value for name, value in asdict(profile).items() if name != "touches"}


def as_another_process(name: str, kept: Path) -> Profile:
    """Read a profile with nothing in memory of the last time."""
    load._READ.clear()
    return load_profile(name, [SHIPPED], kept=kept)


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    file = tmp_path / "erp-mcp.yaml"
    file.write_text(FILE.replace("NAME", request.getfixturevalue("name")), encoding="utf-8")
    return settings_file.load(file)


@guarantees("P3.signed_target")
@pytest.mark.parametrize("name", PROFILES)
def test_whatever_is_changed_in_what_is_kept_of_a_profile_it_is_no_longer_what_was_signed(
    settings: Settings, name: str, tmp_path: Path
) -> None:
    """By somebody who makes its checksum right, too: refused as a profile, or another target than the signed one."""
    (system,) = settings.systems
    kept = tmp_path / "kept"
    signed = as_another_process(name, kept)
    target = target_of(settings, system, signed)
    file = kept / f"{name}.json"
    wanted, _, body = file.read_text(encoding="utf-8").split("\n", 2)
    data, chance = json.loads(body), random.Random(name)
    where = list(places(data))
    writing = [path for path in where if path[0] == "commands"]
    chosen = [*chance.sample(writing, min(CHANGES // 2, len(writing))), *chance.sample(where, CHANGES // 2)]
    refused, elsewhere = 0, 0

    for path in chosen:
        put(file, wanted, json.dumps(changed(data, path, chance)))
        try:
            found = as_another_process(name, kept)
        except ProfileFileError:
            refused += 1
            continue
        assert (target_of(settings, system, found) == target) == (told(found) == told(signed)), path
        elsewhere += told(found) != told(signed)

    assert elsewhere >= CHANGES // 8, (refused, elsewhere)
    file.unlink()
    assert target_of(settings, system, as_another_process(name, kept)) == target
