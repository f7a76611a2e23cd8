"""An emergency on the page in a real browser: its form, the banner, what it says of it, and the review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.test_break_glass import WHY, key, proposed, with_glass
from tests.prepared import DemoPlant
from tests.systems.browser.rig import Browser, browser
from tests.systems.browser.test_page import Site, flaws, like, serving

pytestmark = pytest.mark.live

SCREENS: Final = (
    {"width": 1000, "scheme": "light"},
    {"width": 500, "scheme": "light"},
    {"width": 320, "scheme": "dark"},
)
NAMES: Final = [f"{one['width']} px, {one['scheme']}" for one in SCREENS]
FOUND: Final = "I have called the supplier and both of them: the truck left that night."
OVERDUE, OTHER = "prp_0Hx000000021", "prp_0Hx000000022"
PAGES: Final = (("queue", "/"), ("tasks", "/tasks"), ("stop", "/stop"))
OTHER_PAGES: Final = (("outsiders", "/taint"), ("figures", "/figures"))
TWO_WEEKS: Final = {"1000": "2026-04-02", "500": "2026-04-03", "320": "2026-04-06", "keys": "2026-04-07"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """The browser of this machine."""
    return browser(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def site(shown: Browser, tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[Site]:
    """The page of a plant whose policy has a glass."""
    plant = with_glass(demo_plant(tmp_path_factory.mktemp("plant") / "d"))
    with serving(plant) as address:
        yield Site(address=address, plant=plant, proposal="")


@pytest.fixture(scope="module")
def late(shown: Browser, tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[Site]:
    """The page of a plant in which the review of an emergency is overdue, and something else waits."""
    plant = with_glass(demo_plant(tmp_path_factory.mktemp("plant") / "d"))
    made = proposed(plant)
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        store = deployment.state.proposals
        content = store.get(made).content
        terms = content.terms
        assert terms.break_glass is not None
        at_once = replace(terms, break_glass=replace(terms.break_glass, review_s=0))
        store.create(like(content, OVERDUE, terms=at_once))
        store.create(like(content, OTHER))
        for who in ("carl", "dora"):
            secret = key(plant, who).read_text(encoding="utf-8").strip()
            signing = Signing(approver_id=who, passphrase=secret)
            administration.decide(deployment, store.get(OVERDUE), signing, "break_glass", WHY)
    finally:
        deployment.close()
    with serving(plant) as address:
        yield Site(address=address, plant=plant, proposal=OVERDUE)


def signs_in(site: Site, who: str) -> list[list[str]]:
    secret = key(site.plant, who).read_text(encoding="utf-8").strip()
    return [
        *[["goto", f"{site.address}/sign-in"], ["fill", "#name", who], ["fill", "#passphrase", secret]],
        *[["click", "main button"], ["arrive", f"{site.address}/"]],
    ]


def breaks(site: Site, here: str, who: str, *, secret: str = "", look: str) -> list[list[str]]:
    """Return how somebody breaks the glass with a mouse; one form is looked at, that of the first try."""
    given = secret or key(site.plant, who).read_text(encoding="utf-8").strip()
    return [
        *[["goto", here], ["click", "#glass ~ details summary"], *([["look", "form"]] if secret else [])],
        *[["tick", "#looked-glass"], ["fill", "#why-glass", WHY], ["fill", "#passphrase-glass", given]],
        *[["click", "form[action$='/break-glass'] button"], ["look", look]],
    ]


def signs_out(site: Site) -> list[list[str]]:
    return [["click", "header button"], ["arrive", f"{site.address}/sign-in"]]


def opened(site: Site) -> Deployment:
    return open_deployment(site.plant / "erp-mcp.yaml")


def stands(walk: dict[str, Any], site: Site) -> list[str]:
    """Return what is wrong with a walk on which one passphrase was refused."""
    refused = "error: Failed to load resource: the server responded with a status of 403 (Forbidden)"
    return [one for one in flaws(walk, site.address) if one != refused or "refused" not in walk["looks"]]


@guarantees("P3.break_glass", "P3.page_told", "P3.page_decides")
@pytest.mark.parametrize("screen", SCREENS, ids=NAMES)
def test_an_emergency_can_be_decided_seen_everywhere_and_reviewed_on_every_screen(
    site: Site, shown: Browser, screen: dict[str, Any]
) -> None:
    """Two people say why; every page tells until a third one has looked; no page is wider than its screen."""
    width = str(screen["width"])
    handle = proposed(site.plant, f"emergency-{width}", new_date=TWO_WEEKS[width])
    here, name = site.at(handle), f"glass-{width}"
    reviewer = key(site.plant, "olaf").read_text(encoding="utf-8").strip()
    steps = [
        *signs_in(site, "carl"),
        *breaks(site, here, "carl", secret="not the right passphrase", look="refused"),
        *breaks(site, here, "carl", look="one"),
        *signs_out(site),
        *[*signs_in(site, "dora"), *breaks(site, here, "dora", look="two")],
        *[["await", here, "Written"], ["unfold"], ["look", "written"]],
    ]
    for page, place in PAGES:
        steps += [["goto", f"{site.address}{place}"], ["look", page]]
    steps += [
        *[*signs_out(site), *signs_in(site, "olaf")],
        *[["click", f".stopped a[href$='{handle}']"], ["arrive", here]],
        *[["click", "#emergency ~ details summary"], ["look", "review"]],
        *[["tick", "#justified"], ["fill", "#review-words", FOUND], ["fill", "#passphrase-review", reviewer]],
        *[["click", "form[action$='/review'] button"], ["arrive", here], ["look", "reviewed"]],
    ]

    walk = shown.walk([{"name": name, **screen, "steps": steps}])[name]

    assert stands(walk, site) == []
    texts = {look: seen["text"] for look, seen in walk["looks"].items()}
    assert "That is not your passphrase; nothing was decided." in texts["refused"]
    assert f">{WHY}</textarea>" in walk["looks"]["refused"]["html"]  # nobody types it twice
    assert "1 of 2 by break-glass" in texts["one"]
    for page in ("two", "written", *(page for page, _ in PAGES), "review"):
        assert f"Glass was broken for {handle}: to be reviewed before" in texts[page], page
    assert WHY in texts["written"]
    assert "olaf, before" in texts["written"]  # carl may review as well, and is one of the two
    assert "carl or olaf, before" not in texts["written"]
    assert "Review it" not in texts["written"]
    assert f"Glass was broken for {handle}" not in texts["reviewed"]
    assert "reviewed: it was justified" in texts["reviewed"]
    assert FOUND in texts["reviewed"]
    assert site.state(handle) is State.COMMITTED
    deployment = opened(site)
    try:
        said = deployment.state.proposals.decisions(handle)
        assert [(one.approver_id, one.decision) for one in said] == [("carl", "break_glass"), ("dora", "break_glass")]
    finally:
        deployment.close()


@guarantees("P3.break_glass", "P3.page_told")
def test_the_keyboard_is_enough_to_break_the_glass_and_to_review_it(site: Site, shown: Browser) -> None:
    """Tab, Space and Enter lead to the form, through it, over the banner and through the review."""
    handle = proposed(site.plant, "emergency-keys", new_date=TWO_WEEKS["keys"])
    here = site.at(handle)
    steps: list[list[str]] = []
    for who in ("carl", "dora"):
        secret = key(site.plant, who).read_text(encoding="utf-8").strip()
        steps += [
            *[["goto", f"{site.address}/sign-in"], ["reach", "name"], ["type", who]],
            *[["reach", "passphrase"], ["type", secret], ["enter"]],
            *[["goto", here], ["reach", "Approve by break-glass"], ["press", "Enter"]],
            *[["reach", "looked-glass"], ["press", "Space"], ["reach", "why-glass"], ["type", WHY]],
            *[["reach", "passphrase-glass"], ["type", secret]],
            *[["reach", "Approve by break-glass, and answer for it"], ["look", f"keys-{who}"], ["enter"]],
            *[["reach", "Sign out"], ["enter"]],
        ]
    secret = key(site.plant, "olaf").read_text(encoding="utf-8").strip()
    steps += [
        *[["goto", f"{site.address}/sign-in"], ["reach", "name"], ["type", "olaf"]],
        *[["reach", "passphrase"], ["type", secret], ["enter"], ["reach", f"/proposals/{handle}"], ["enter"]],
        *[["reach", "Review it"], ["press", "Enter"], ["reach", "justified"], ["press", "ArrowDown"]],
        *[["reach", "review-words"], ["type", FOUND], ["reach", "passphrase-review"], ["type", secret]],
        *[["reach", "Sign what I found"], ["enter"], ["look", "keys-reviewed"]],
    ]

    walk = shown.walk([{"name": "glass-keys", "width": 1000, "steps": steps}])["glass-keys"]

    assert flaws(walk, site.address) == []
    assert "reviewed: it was NOT justified" in walk["looks"]["keys-reviewed"]["text"]
    assert all(outline != "none" for tag, _, outline in walk["focus"] if tag not in {"body", "html"})


@guarantees("P3.break_glass", "P3.page_told")
@pytest.mark.parametrize("screen", SCREENS, ids=NAMES)
def test_an_overdue_review_can_be_read_on_every_page_and_where_a_glass_would_be(
    late: Site, shown: Browser, screen: dict[str, Any]
) -> None:
    """Each page says that nothing can be approved by break-glass meanwhile, and whose word is missing."""
    steps = [*signs_in(late, "dora"), ["goto", late.at(OVERDUE)], ["unfold"], ["look", "overdue"]]
    steps += [["goto", late.at(OTHER)], ["unfold"], ["look", "other"]]
    for page, place in OTHER_PAGES:
        steps += [["goto", f"{late.address}{place}"], ["look", page]]
    name = f"late-{screen['width']}"

    walk = shown.walk([{"name": name, **screen, "steps": steps}])[name]

    assert flaws(walk, late.address) == []
    for seen in walk["looks"].values():
        assert f"Glass was broken for {OVERDUE}: its review was due" in seen["text"]
    assert "review overdue: no other glass can be broken" in walk["looks"]["overdue"]["text"]
    assert "was not reviewed in time" in walk["looks"]["other"]["text"].split("In an emergency")[1]
    assert f"/proposals/{OTHER}/break-glass" not in walk["looks"]["other"]["html"]
