"""The demo plant in Tryton, compared with the demo plant as far as Tryton can know it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.systems.same_answers.asking import NOT_KEPT
from tests.systems.same_answers.deploying import REFERENCE, BackEnd
from tests.systems.same_answers.documented import Documented, documented, place_of
from tests.systems.same_answers.run import Result, compare_all, refused, show
from tests.systems.tryton import firm_profile, known
from tests.systems.tryton.firm import FOLDER, Firm
from tests.systems.tryton.rpc import Rpc

PAGE: Final = "tryton.md"


@dataclass(slots=True, kw_only=True)
class Compared:
    """Both results, what the page says of differences, and what the Tryton profile leaves out."""

    reference: Result
    tryton: Result
    page: Documented
    left_out: list[str]


def compare_firm(firm: Firm, base: Path) -> Compared:
    """Ask the same of both: the reference is the exported plant with what Tryton keeps another way put that way."""
    rpc = Rpc(url=firm.url, database=firm.database, user=firm.user, password=firm.password)
    rpc.context.update(rpc("res.user.get_preferences", True))
    plant = known.known_plant(Path(firm.plant), base / "plant", rpc)
    rpc.close()
    folder, left_out = known.known_profile(base / "profiles")
    firm_profile.write_profile(folder)
    page = documented(PAGE)
    ways = [
        BackEnd(name=REFERENCE, profile=known.NAME, url=str(plant / "erp.sqlite"), profiles=folder),
        BackEnd(
            name="tryton", profile=firm_profile.NAME, url=firm.url, database=firm.database, account=firm.user,
            secret=firm.password, profiles=folder,
        ),
    ]  # fmt: skip
    reference, tryton = compare_all(ways, base, plant=plant, clock=firm.clock, why=reason_of(page))
    return Compared(reference=reference, tryton=tryton, page=page, left_out=left_out)


def reason_of(page: Documented) -> Callable[[str], str]:
    """Return what looks a difference up on the page: a place in the records, or the text of one in an answer."""
    return lambda text: page.reason(text if ":" not in text else place_of(text))


def main(directory: Path | None) -> int:
    """Compare with the Tryton that the environment names, print, and return the exit status."""
    firm = Firm.load(Path(os.environ["ERP_MCP_TRYTON_DIR"]) / FOLDER)
    with tempfile.TemporaryDirectory() as temporary:
        found = compare_firm(firm, directory or Path(temporary))
    for one in (found.reference, found.tryton):
        show(one)
    wrong = [name for name, right in found.tryton.asked.right.items() if not right]
    print(f"not right, for what Tryton does not know: {', '.join(wrong)}")
    other = [text for text in refused(found.tryton.asked) if not text.endswith(NOT_KEPT)]
    return 0 if found.tryton.same and not other else 1
