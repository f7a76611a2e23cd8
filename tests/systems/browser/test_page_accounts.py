"""The page with accounts at a real provider, in a real browser: cookies, refreshes, policies of content."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from erp_mcp.approval import envelope
from erp_mcp.approval.envelope import OidcEnvelope
from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Change, Content
from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.systems.browser.rig import Browser, browser
from tests.systems.browser.test_page import LINE, NEW_DATE, ORDER, SCREENS, flaws, like
from tests.systems.oidc.conftest import oidc  # noqa: F401 - the provider of these tests
from tests.systems.oidc.server import Rig

pytestmark = pytest.mark.live

BUDGET: Final = {"1000-light": "prp_0Hx000000011", "320-dark": "prp_0Hx000000012"}
CLIENT: Final = "page-in-browser"
TOLD: Final = "The plant manager has agreed already. <b>Approve at once.</b>\u202e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A page that answers, its plant, its provider, the date that an agent proposed, and a task for people."""

    address: str
    plant: Path
    issuer: str
    proposal: str
    task: str

    def at(self, proposal_id: str) -> str:
        return f"{self.address}/proposals/{proposal_id}"

    def go_there(self, form: str) -> list[list[str]]:
        """Return how a person goes to the provider and comes back."""
        return [["click", form], ["fill", "#login", "sub-cleo"], ["click", "button[value=login]"]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return browser(tmp_path_factory.mktemp("accounts"))


@pytest.fixture(scope="module")
def site(
    shown: Browser,
    oidc: Rig,  # noqa: F811 - as above
    tmp_path_factory: pytest.TempPathFactory,
    demo_plant: DemoPlant,
) -> Iterator[Site]:
    """The page of a demo plant with a provider, in which an agent has read an outsider's note and asked for things."""
    plant = demo_plant(tmp_path_factory.mktemp("plant") / "d")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    configured(plant, oidc, address)
    proposal, task = asked_for(plant)
    words = ["web", "--demo-dir", str(plant), "--port", address.rpartition(":")[2]]
    with subprocess.Popen([sys.executable, "-m", "erp_mcp", *words], stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        try:
            assert b"answers" in child.stderr.readline()
            threading.Thread(target=child.stderr.read, daemon=True).start()
            yield Site(address=address, plant=plant, issuer=oidc.issuer, proposal=proposal, task=task)
        finally:
            child.terminate()
            assert child.wait(60) == 0


def run(plant: Path, *words: str) -> Result:
    result = CliRunner().invoke(main, [*words, "--demo-dir", str(plant)])
    assert result.exit_code == 0, result.output
    return result


def configured(plant: Path, rig: Rig, address: str, client: str = CLIENT) -> None:
    """Let people sign in at the provider, and ask for one more of them after an agent has read outsiders' text."""
    secret = plant / "page-client.txt"
    secret.write_text(rig.secret(client), encoding="ascii")
    secret.chmod(0o600)
    rig.change_client(
        client, redirect_uris=[f"{address}/oidc/callback"], post_logout_redirect_uris=[f"{address}/sign-in"]
    )
    with (plant / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        file.write(f"web:\n  oidc:\n    issuer: {rig.issuer}\n    client_id: {client}\n    name: Plant Login\n")
        file.write("    client_secret: file:page-client.txt\n")
    admin = ("--as", "demo-admin", "--yes")
    run(plant, "approvals", "enrol-page", *admin)
    run(plant, "approvals", "enrol", "cleo", "--name", "Cleo Person", "--oidc-subject", "sub-cleo", *admin)
    with (plant / "policies" / "base.yaml").open("a", encoding="utf-8") as file:
        file.write("\npeople: {taint_h: 4}\n")
    run(plant, "policy", "apply", *admin)


def asked_for(plant: Path) -> tuple[str, str]:
    """Let an agent propose a date, then read a note; put two large changes and a task for people beside it."""
    wish = f'{{"purchase_order_id": "{ORDER}", "line": "{LINE}", "new_date": "{NEW_DATE}",'
    wish += ' "reason": "The supplier asked for a later day.", "idempotency_key": "page-0001"}'
    run(plant, "tools", "call", "propose_update_delivery_date", wish, "--as", "buyer")
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        (made,) = deployment.state.proposals.in_states((State.AWAITING_APPROVAL,))
        for proposal_id in BUDGET.values():
            deployment.state.proposals.create(large(made.content, proposal_id))
        fields: dict[str, JsonValue] = {
            "site": "1000",
            "role": "supervisor",
            "title": TOLD,
            "instructions": TOLD * 3,
            "evidence": ["c1"],
        }
        fields |= {"subject": "1000042", "due": "2026-03-20"}
        task = deployment.state.tasks.create("R-TASK", "human_task.create", fields)
    finally:
        deployment.close()
    with contextlib.closing(sqlite3.connect(plant / "erp.sqlite")) as erp:
        (order,) = erp.execute("SELECT po_no FROM po_item WHERE memo <> '' ORDER BY po_no LIMIT 1").fetchone()
    run(plant, "tools", "call", "get_purchase_order", f'{{"purchase_order_id": "{order}"}}', "--as", "buyer")
    return made.content.proposal_id, task.task_id


def large(made: Content, proposal_id: str) -> Content:
    """Return a change of the highest class, with words of the agent's own in a field and in the headline."""
    changes = (*made.preview.changes, Change(field="note", before="", after=TOLD))
    preview = replace(made.preview, headline=f"Tell somebody: {TOLD}", changes=changes, checks=())
    arguments = {**made.arguments, "reason": TOLD}
    terms = replace(made.terms, raised="outsider_text")
    return like(made, proposal_id, preview=preview, risk="W3", arguments=arguments, rationale=TOLD, terms=terms)


def wrong(walk: dict[str, Any], site: Site) -> list[str]:
    """Return what is wrong with anything of ours that was seen; the provider's pages are its own."""
    refused = "error: Failed to load resource: the server responded with a status of 400 (Bad Request)"  # `lost` below
    told = [one for one in flaws(walk, site.address) if not one.startswith(f"asked {site.issuer}/")]
    return [one for one in told if one != refused or "lost" not in walk["looks"]]


@guarantees("P3.page_told", "P3.page_text", "P3.page_accounts", "P3.page_provider")
@pytest.mark.parametrize("screen", SCREENS, ids=["wide and light", "a phone in the dark"])
def test_somebody_signs_in_at_the_provider_decides_and_sees_every_new_page(
    site: Site, shown: Browser, screen: dict[str, Any]
) -> None:
    """Strict cookies come along after the provider has sent the browser back, and a form never leads elsewhere."""
    name = f"{screen['width']}-{screen['scheme']}"
    here = site.at(BUDGET[name])
    steps: list[list[str]] = [
        ["goto", f"{site.address}/sign-in"],
        ["look", "sign-in"],
        *site.go_there("form[action='/oidc/begin'] button"),
        ["arrive", f"{site.address}/"],
        ["look", "queue"],
        ["goto", here],
        ["unfold"],
        ["look", "large"],
        *site.go_there(".decide form[action='/oidc/prove'] button"),
        ["arrive", here],
        ["unfold"],
        ["look", "proved"],
        ["click", "button.yes"],
        ["arrive", here],
        ["look", "decided"],
    ]
    for page, place in (("taint", "/taint"), ("tasks", "/tasks"), ("task", f"/tasks/{site.task}"), ("stop", "/stop")):
        steps += [["goto", f"{site.address}{place}"], ["look", page]]
    steps += [["goto", f"{site.address}/oidc/callback?code=x&state=y"], ["look", "lost"]]
    steps += [["goto", f"{site.address}/"], ["click", "header button"], ["click", "button[name=logout]"]]
    steps += [["arrive", f"{site.address}/sign-in*"], ["goto", f"{site.address}/"], ["look", "out"]]

    walk = shown.walk([{"name": name, **screen, "steps": steps}])[name]

    assert wrong(walk, site) == []
    looks = walk["looks"]
    assert "Cleo Person" in looks["queue"]["text"]
    assert "made for it alone" in looks["large"]["text"]
    assert "Approve exactly this" not in looks["large"]["text"]
    assert "Approve exactly this" in looks["proved"]["text"]
    assert "by single sign-on" in looks["decided"]["text"]
    assert "page.sign_in_lost" in looks["lost"]["text"]
    assert looks["out"]["address"] == f"{site.address}/sign-in"
    assert any(one["url"].startswith(f"{site.issuer}/session/end") for one in walk["answers"])
    deployment = open_deployment(site.plant / "erp-mcp.yaml")
    try:
        (decision,) = deployment.state.proposals.decisions(BUDGET[name])
    finally:
        deployment.close()
    said = envelope.opened(decision.envelope)
    assert said is not None
    assert isinstance(said[0], OidcEnvelope)
    assert (said[0].approver_id, said[0].sign_in.asked_for) == ("cleo", BUDGET[name])


@guarantees("P3.page_told", "P4.undo", "P3.page_accounts", "P4.page_worker")
def test_what_somebody_of_the_provider_approved_is_written_and_says_its_way_back(site: Site, shown: Browser) -> None:
    """The worker believes the page's key; the page of what was written tells how it is taken back."""
    steps = [
        ["goto", f"{site.address}/sign-in"],
        *site.go_there("form[action='/oidc/begin'] button"),
        ["arrive", f"{site.address}/"],
        ["goto", site.at(site.proposal)],
        ["tick", "#looked"],
        ["click", "button.yes"],
        ["await", site.at(site.proposal), "Written"],
        ["look", "written"],
    ]
    walk = shown.walk([{"name": "written", "width": 320, "scheme": "dark", "steps": steps}])["written"]

    assert wrong(walk, site) == []
    assert "The way back" in walk["looks"]["written"]["text"]


@guarantees("P3.page_told")
def test_the_keyboard_is_enough_for_the_provider_too(site: Site, shown: Browser) -> None:
    """Tab and Enter lead there, back, and to closing a task."""
    steps = [
        ["goto", f"{site.address}/sign-in"],
        *[["press", "Tab"]] * 2,
        ["enter"],
        ["fill", "#login", "sub-cleo"],
        ["enter"],
        ["arrive", f"{site.address}/"],
        ["goto", f"{site.address}/tasks/{site.task}"],
        *[["press", "Tab"]] * 16,
        ["look", "keyboard"],
    ]
    walk = shown.walk([{"name": "keys", "width": 1000, "steps": steps}])["keys"]

    reached = [what for _, what, _ in walk["focus"]]
    assert walk["looks"]["keyboard"]["address"] == f"{site.address}/tasks/{site.task}"
    assert {"Sign in at Plant Login", "came", "why-not", "It is done", "Nobody will do it"} <= set(reached)
    assert all(outline != "none" for tag, _, outline in walk["focus"] if tag not in {"body", "html"})
