"""The approver's page in a real browser: without scripts, by keyboard, on a narrow screen, in the dark, attacked."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from erp_mcp.administration import Signing, decide, enrol
from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Change, Check, Content, Step
from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.systems.browser.rig import Browser, browser

pytestmark = pytest.mark.live

APPROVER: Final = "demo-approver"
ORDER, LINE, NEW_DATE = "4500000722", "00020", "2026-03-25"
HOSTILE: Final = "<img src=x onerror='window.fired=true'><script>window.fired=true</script>\u202e\u200b"
HOSTILE_ID, LARGE_ID, LOST_ID = "prp_0Hx000000001", "prp_0Hx000000002", "prp_0Hx000000003"
OVER_ID: Final = "prp_0Hx000000004"
LONG_NAME: Final = "approver-of-the-night-shift-in-the-second-plant"
SCREENS: Final = ({"width": 1000, "scheme": "light"}, {"width": 320, "scheme": "dark"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A page that answers, its plant, and the proposal that an agent really made."""

    address: str
    plant: Path
    proposal: str

    @property
    def passphrase(self) -> str:
        return (self.plant / "keys" / f"{APPROVER}.passphrase").read_text(encoding="ascii").strip()

    @property
    def sign_in(self) -> list[list[str]]:
        name, passphrase = ["fill", "#name", APPROVER], ["fill", "#passphrase", self.passphrase]
        return [["goto", f"{self.address}/"], name, passphrase, ["click", "main button"]]

    def at(self, proposal_id: str) -> str:
        return f"{self.address}/proposals/{proposal_id}"

    def state(self, proposal_id: str) -> State:
        deployment = open_deployment(self.plant / "erp-mcp.yaml")
        try:
            return deployment.state.proposals.get(proposal_id).state
        finally:
            deployment.close()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """The browser of this machine; asked for before a plant is built that nobody could look at."""
    return browser(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def site(shown: Browser, tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[Site]:
    """The page of a demo plant in which a date waits, and beside it what tries every corner of a page."""
    plant = demo_plant(tmp_path_factory.mktemp("plant") / "d")
    proposal = proposed(plant)
    with serving(plant) as address:
        yield Site(address=address, plant=plant, proposal=proposal)


@contextlib.contextmanager
def serving(plant: Path) -> Iterator[str]:
    """Serve the page of a plant as a command of its own, and yield where it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "erp_mcp", "web", "--demo-dir", str(plant), "--port", str(port)]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        try:
            assert b"answers" in child.stderr.readline()
            threading.Thread(target=child.stderr.read, daemon=True).start()
            yield f"http://127.0.0.1:{port}"
        finally:
            child.terminate()
            assert child.wait(60) == 0


def proposed(plant: Path) -> str:
    """Let an agent propose a date, put others beside it, and return the first one's id."""
    wish = (
        f'{{"purchase_order_id": "{ORDER}", "line": "{LINE}", "new_date": "{NEW_DATE}",'
        ' "reason": "The supplier asked for a later day.", "idempotency_key": "page-0001"}'
    )
    words = ["tools", "call", "propose_update_delivery_date", wish, "--as", "buyer", "--demo-dir", str(plant)]
    assert CliRunner().invoke(main, words).exit_code == 0
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        store = deployment.state.proposals
        (made,) = store.in_states((State.AWAITING_APPROVAL,))
        for content in (hostile(made.content), large(made.content), like(made.content, LOST_ID)):
            store.create(content)
        admin = (plant / "keys" / "demo-admin.passphrase").read_text(encoding="ascii").strip()
        enrolled_by = Signing(approver_id="demo-admin", passphrase=admin)
        enrol(deployment, LONG_NAME, "Approver of the night", "four correct horses", by=enrolled_by)
        store.create(like(made.content, OVER_ID))
        night = Signing(approver_id=LONG_NAME, passphrase="four correct horses")
        decide(deployment, store.get(OVER_ID), night, "reject", "not this one")
        passphrase = (plant / "keys" / f"{APPROVER}.passphrase").read_text(encoding="ascii").strip()
        decide(deployment, store.get(LOST_ID), Signing(approver_id=APPROVER, passphrase=passphrase), "approve")
        taken = store.take("worker", lease_s=60)
        assert taken is not None
        store.move(LOST_ID, Step(name="send", actor="worker", fence=taken.fence))
        later = "2099-01-01T00:00:00.000000Z"
        store.move(LOST_ID, Step(name="lose", actor="worker", fence=taken.fence, reason="timeout", not_before=later))
    finally:
        deployment.close()
    return made.content.proposal_id


def like(made: Content, proposal_id: str, **other: Any) -> Content:
    """Return a proposal like the one that was made, under an id of its own."""
    expires = (datetime.now(UTC) + timedelta(hours=3)).isoformat().replace("+00:00", "Z")  # noqa: TID251 - a real page
    own = {"proposal_id": proposal_id, "idempotency_key": f"key-{proposal_id}", "fingerprint": proposal_id.ljust(64)}
    told: dict[str, Any] = {**own, "expires_at": expires, "limits": (), **other}
    return replace(made, **told)


def hostile(made: Content) -> Content:
    """Return a proposal whose every text tries to be more than text, and one of which is very long."""
    preview = replace(
        made.preview,
        headline=HOSTILE,
        changes=(
            Change(field="qty", before=HOSTILE, after="1\u202e000", unit="KGM"),
            Change(field="note", before="", after="x" * 100_000),
        ),
        checks=(Check(rule="R-X", verdict="flag", message=HOSTILE),),
        effects=(HOSTILE,),
    )
    return like(made, HOSTILE_ID, preview=preview, rationale=HOSTILE * 20)


def large(made: Content) -> Content:
    """Return an order of many lines that two people decide about."""
    fields = (("material_id", "RM-001", ""), ("qty", "17.5", "KGM"), ("price", "3.25", "EUR"))
    lines = [
        Change(field=f"lines[{line}].{name}", before="", after=after, unit=unit)
        for line in range(12)
        for name, after, unit in fields
    ]
    preview = replace(made.preview, headline="Order twelve materials", document="", changes=tuple(lines))
    return like(made, LARGE_ID, preview=preview, risk="W3", terms=replace(made.terms, needed=2))


def flaws(walk: dict[str, Any], address: str) -> list[str]:
    """Return what is wrong with anything that was seen on a walk."""
    found = [f"{name}: {one}" for name, look in walk["looks"].items() for one in look["violations"]]
    found += [f"{name} is wider than the screen" for name, look in walk["looks"].items() if look["overflows"]]
    found += [
        f"{name} tears {look['torn']} or cuts {look['cut']}"
        for name, look in walk["looks"].items()
        if look["torn"] or look["cut"]
    ]
    found += [f"{name} ran a script" for name, look in walk["looks"].items() if look["fired"]]
    found += [f"asked {one['url']}" for one in walk["answers"] if not one["url"].startswith(f"{address}/")]
    return found + [one for one in walk["said"] if not one.startswith("verbose")]


@guarantees("P3.page_told", "P3.page_text")
@pytest.mark.parametrize("screen", SCREENS, ids=["wide and light", "a phone in the dark"])
def test_every_page_can_be_used_and_nothing_in_it_runs(site: Site, shown: Browser, screen: dict[str, Any]) -> None:
    """No page is wider than its screen, breaks a rule of accessibility, runs a script or asks anybody else."""
    steps: list[list[str]] = [
        ["goto", f"{site.address}/sign-in"],
        ["look", "sign-in"],
        *site.sign_in,
        ["look", "queue"],
    ]
    for name, place in (
        ("date", site.proposal),
        ("hostile", HOSTILE_ID),
        ("large", LARGE_ID),
        ("lost", LOST_ID),
        ("over", OVER_ID),
    ):
        steps += [["goto", site.at(place)], ["unfold"], ["look", name]]
    for name, place in (("look", "/?view=look"), ("ended", "/?view=ended"), ("stop", "/stop"), ("figures", "/figures")):
        steps += [["goto", f"{site.address}{place}"], ["look", name]]
    name = f"{screen['width']}-{screen['scheme']}"

    walk = shown.walk([{"name": name, **screen, "steps": steps}])[name]

    assert flaws(walk, site.address) == []
    for look in ("date", "queue"):  # where a line may end in it, a date is one piece
        assert f'<span class="piece">{NEW_DATE}</span>' in walk["looks"][look]["html"]
    assert LONG_NAME in walk["looks"]["figures"]["text"]  # in the table, where the picture cuts it
    assert "Who may decide" not in walk["looks"]["over"]["text"]
    hostile_page = walk["looks"]["hostile"]
    assert "⟨U+202E⟩⟨U+200B⟩" in hostile_page["text"]
    assert "<img src=x" in hostile_page["text"]
    assert "x" * 100_000 in hostile_page["text"]


@guarantees("P3.page_told")
def test_the_keyboard_is_enough_to_sign_in_and_to_find_the_decision(site: Site, shown: Browser) -> None:
    """Whoever has no mouse decides as well, and sees where they are."""
    steps = [
        ["goto", f"{site.address}/sign-in"],
        ["press", "Tab"],
        *[["press", "Tab"]],
        *[["press", key] for key in APPROVER],
        ["press", "Tab"],
        *[["press", key] for key in site.passphrase],
        ["enter"],
        ["goto", site.at(site.proposal)],
        *[["press", "Tab"]] * 36,
        ["look", "keyboard"],
    ]
    walk = shown.walk([{"name": "keys", "width": 1000, "steps": steps}])["keys"]

    reached = [what for _, what, _ in walk["focus"]]
    assert walk["looks"]["keyboard"]["address"] == site.at(site.proposal)
    assert {"#main", "name", "passphrase", "looked", "comment", "reason"} <= set(reached)
    assert "Approve exactly this" in reached
    assert all(outline != "none" for tag, _, outline in walk["focus"] if tag not in {"body", "html"})


class Evil(BaseHTTPRequestHandler):
    """Another program on this machine, whose pages frame ours and send forms to it."""

    pages: dict[str, str] = {}

    def do_GET(self) -> None:
        body = self.pages.get(self.path, "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def beside(pages: dict[str, str]) -> Iterator[str]:
    """Serve pages of somebody else on this machine."""
    handler = type("Evil", (Evil,), {"pages": pages})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@guarantees("P3.page_forms")
def test_a_page_of_somebody_else_can_neither_frame_it_nor_send_its_forms(site: Site, shown: Browser) -> None:
    """The attacker sits on the same machine, so the browser sends our cookie along: it is not enough."""
    action = f"{site.at(HOSTILE_ID)}/reject"
    form = f"<form method=post action='{action}'><input name=reason value=forged></form>"
    fields = "<input name=scope value=all><input name=reason value=x>"
    stop = f"<form method=post action='{site.address}/stop'>{fields}</form>"
    send = "<script>document.forms[0].submit()</script>"
    pages = {
        "/frame": f"<iframe src='{site.address}/'></iframe>",
        "/reject": form + send,
        "/stop": stop + send,
        "/link": f"<img src='{action}'><link rel=prefetch href='{action}?reason=x'>",
    }
    with beside(pages) as evil:
        steps = [*site.sign_in]
        for name in ("frame", "reject", "stop", "link"):
            steps += [["goto", f"{evil}/{name}"], ["settle"], ["look", name]]
        steps += [["goto", f"{site.address}/"], ["look", "after"]]
        walk = shown.walk([{"name": "evil", "width": 1000, "script": True, "steps": steps}])["evil"]

    assert any("frame" in one.lower() for one in walk["said"])
    told = {(one["url"], one["status"]) for one in walk["answers"]}
    assert (action, 403) in told
    assert (f"{site.address}/stop", 403) in told
    assert site.state(HOSTILE_ID) is State.AWAITING_APPROVAL
    assert "are stopped" not in walk["looks"]["after"]["text"]
    assert "Sign out" in walk["looks"]["after"]["text"]


@guarantees("P3.page_decides", "P4.page_worker", "P3.page_told")
def test_without_scripts_a_person_says_yes_and_the_erp_has_the_new_date(site: Site, shown: Browser) -> None:
    """From the agent's wish to the row in the system of record, by what a browser without scripts can do."""
    steps = [
        *site.sign_in,
        ["goto", site.at(site.proposal)],
        ["tick", "#looked"],
        ["fill", "#comment", "as agreed"],
        ["click", "button.yes"],
        ["await", f"{site.at(site.proposal)}", "Written"],
        ["look", "written"],
    ]
    walk = shown.walk([{"name": "yes", "width": 1000, "script": False, "steps": steps}])["yes"]

    assert site.state(site.proposal) is State.COMMITTED
    assert "Receipt" in walk["looks"]["written"]["text"]
    with contextlib.closing(sqlite3.connect(site.plant / "erp.sqlite")) as erp:
        (date,) = erp.execute(DATE, (ORDER, LINE)).fetchone()
    assert date == NEW_DATE


DATE: Final = "SELECT promise FROM po_item WHERE po_no = ? AND item_no = ?"
