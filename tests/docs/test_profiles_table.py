"""The table of shipped profiles says of each what the profile says of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from erp_mcp.systems import SHIPPED, load_profile, profile_names
from tests.guarantees import guarantees

PAGE: Final = Path(__file__).parents[2] / "docs" / "adapters.md"
CLAIM: Final = r"(live|protocol|documentation)"
ROW: Final = re.compile(rf"^\| `([a-z0-9-]+)` \|[^|]+\| (\w+) \| {CLAIM} \| (yes|no) \|", re.MULTILINE)


@guarantees("docs.agree")
def test_the_table_of_profiles_claims_of_each_what_its_file_says() -> None:
    """Whoever chooses a product reads the table; a claim that grew there alone would be believed."""
    profiles = [load_profile(name, [SHIPPED]) for name in profile_names([SHIPPED])]
    said = [(one.name, one.kind, one.verified, "yes" if one.commands else "no") for one in profiles]
    assert sorted(ROW.findall(PAGE.read_text(encoding="utf-8"))) == sorted(said)
