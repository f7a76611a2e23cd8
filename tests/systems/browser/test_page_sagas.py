"""A saga that is stuck, in a real browser: where a person looks for each step, on every width of screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.systems.browser.rig import Browser, browser
from tests.systems.browser.test_page import Site, flaws, serving
from tests.writes.desk import APPROVERS, furnish, open_write_desk, passphrase_of
from tests.writes.test_procurement import stuck
from tests.writes.test_saga_forged import TOUCHED

pytestmark = pytest.mark.live

WIDTHS: Final = (320, 500, 1000)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """The browser of this machine."""
    return browser(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def site(shown: Browser, tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[Site]:
    """The page of a plant in which a reservation could not be taken back."""
    plant = demo_plant(tmp_path_factory.mktemp("plant") / "d")
    with (plant / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        file.write("deadline_s: 60\n")
    furnish(plant)
    desk = open_write_desk(plant)
    try:
        saga = stuck(desk, TOUCHED.format("1.000", 0))
    finally:
        desk.close()
    with serving(plant) as address:
        yield Site(address=address, plant=plant, proposal=saga.content.proposal_id)


@guarantees("P3.page_told", "P10.saga")
def test_where_to_look_for_each_step_can_be_read_on_every_screen(site: Site, shown: Browser) -> None:
    """Nothing is wider than the screen; what the systems show stands there once they were asked."""
    name = ["fill", "#name", APPROVERS[0]]
    passphrase = ["fill", "#passphrase", passphrase_of(site.plant, APPROVERS[0])]
    steps = [
        *[["goto", f"{site.address}/"], name, passphrase, ["click", "main button"]],
        *[["goto", site.at(site.proposal)], ["unfold"], ["look", "stuck"]],
        *[["click", "form[action$='/look'] button"], ["unfold"], ["look", "asked"]],
    ]
    walks = [{"name": f"saga-{width}", "width": width, "steps": steps} for width in WIDTHS]

    walked = shown.walk(walks)

    for walk in walked.values():
        assert flaws(walk, site.address) == []
        stuck_page, asked = walk["looks"]["stuck"]["text"], walk["looks"]["asked"]["text"]
        assert "Look into erp first" in stuck_page
        assert "Look into gateway" not in stuck_page
        assert "Step reserve_stock, erp: It shows exactly this change." in asked
    assert site.state(site.proposal) is State.COMPENSATION_STUCK
