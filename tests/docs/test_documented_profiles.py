"""What the page says of profiles that were mapped from documentation is what their files do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.domain.entities import ENTITIES
from erp_mcp.systems import SHIPPED, load_profile, profile_names
from tests.guarantees import guarantees

PAGE: Final = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")
NAMES: Final = [  # to parse all of them takes seconds, which who only collects tests need not spend
    name
    for name in profile_names([SHIPPED])
    if re.search(r"^verified: +documentation\b", (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"), re.MULTILINE)
]
OF_AN_ERP: Final = {name for name, entity in ENTITIES.items() if getattr(entity, "LEVEL", 4) == 4}


def said(name: str, what: str) -> set[str]:
    """Return the entities or operations that a paragraph of a profile's section names."""
    section = re.search(rf"^### `{name}`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, name
    paragraph = re.search(rf"^- \*\*{what}\*\* (.*?)(?=^- \*\*|\Z)", section[1], re.MULTILINE | re.DOTALL)
    words = re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", paragraph[1] if paragraph else "")
    return {word for word in words if word.partition(".")[0] in ENTITIES}


@guarantees("docs.agree")
@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_gives_what_it_leaves_out_and_what_it_writes(name: str) -> None:
    """Nobody can compare it with the product here, so the page is all that a reader has."""
    profile = load_profile(name, [SHIPPED])
    assert profile.verified == "documentation"
    assert said(name, "Gives") == set(profile.entities)
    assert said(name, "Leaves out") == OF_AN_ERP - set(profile.entities)
    assert {word for word in said(name, "Writes") if "." in word} == set(profile.commands)
    assert re.search(rf"^### `{name}`\n(?:(?!^### ).)*?- \*\*From\*\* ", PAGE, re.MULTILINE | re.DOTALL)
