"""The card of a proposal in a real browser: a real one, one in each state, and one of hostile text all through."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp import answers, views
from erp_mcp.answers.proposals import NEXT_STEPS, WAITS
from erp_mcp.answers.visible import visible
from erp_mcp.domain.lifecycle import State
from erp_mcp.server.cards import META_CARD, facts_of
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, shown
from tests.path.conftest import Desk, open_desk, prepared
from tests.systems.browser.rig import Browser, browser

pytestmark = pytest.mark.live
__all__ = ["prepared"]

LINK: Final = "https://approvals.example.com/erp/proposals/prp_0Grxp25veLSr"
MARKUP: Final = (
    "<img src=x onerror='top.fired=true'><script>top.fired=true</script><a href='https://evil.example/'>approve</a>"
)
HIDING: Final = (
    "Pay \u202e1000\u202c now\u200b, s\u0443stem says \U000e0041approved\u00a0\u2028; "
    "ｆull width, paypa\u04cf, αβγ alone, 5 µm, é, n\u0303o, e\u0301\u0302\u0303\u0304, \U0001d400\ufe0f"
)
WAYS: Final[dict[str, dict[str, Any]]] = {"light": {}, "dark": {"context": {"theme": "dark"}}, "narrow": {"width": 320}}


@pytest.fixture(scope="module")
def shows(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """The browser of this machine; asked for before a plant is built that nobody could look at."""
    return browser(tmp_path_factory.mktemp("cards"))


@pytest.fixture(scope="module")
def desk(shows: Browser, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A plant to propose on."""
    opened = open_desk(Path(shutil.copytree(prepared, tmp_path_factory.mktemp("desk") / "demo")))
    yield opened
    opened.deployment.close()


@pytest.fixture(scope="module")
def made(desk: Desk) -> dict[str, Any]:
    """The result of a call that proposed, as its host hands it to the page."""
    answer = desk.answer("buyer", DATE_TOOL, **NEW_DATE)
    proposal = desk.deployment.state.proposals.get(str(shown(answer)["proposal_id"]))
    return {
        "content": [{"type": "text", "text": answers.text(answer)}],
        "structuredContent": answers.structured(answer),
        "isError": False,
        "_meta": {META_CARD: facts_of(proposal, LINK)},
    }


def job(name: str, result: Any, **how: Any) -> dict[str, Any]:
    """One card to show."""
    arguments = {"method": "ui/notifications/tool-input", "params": {"arguments": how.get("arguments", {})}}
    return {
        "name": name,
        "html": views.page(views.card()),
        "messages": [arguments, {"method": "ui/notifications/tool-result", "params": result}],
        "context": how.get("context", {"theme": "light"}),
        "width": how.get("width", 720),
        "keys": [],
        "unfold": True,
        "wrapped": how.get("wrapped", False),
    }


def other(result: dict[str, Any], **cells: Any) -> dict[str, Any]:
    """The same result with other cells in the row of the proposal."""
    copy: dict[str, Any] = json.loads(json.dumps(result))
    table = copy["structuredContent"]["tables"]["proposal"]
    table["rows"] = [[cells.get(name, cell) for name, cell in zip(table["columns"], table["rows"][0], strict=True)]]
    return copy


def hostile(result: dict[str, Any], text: str) -> dict[str, Any]:
    """The same result with one text in every cell of every table, and in all that stands beside it."""
    copy: dict[str, Any] = json.loads(json.dumps(result))
    content = copy["structuredContent"]
    for table in content["tables"].values():
        table["rows"] = [[text] * len(table["columns"])] * 2
    content["tables"]["proposal"]["rows"][0][content["tables"]["proposal"]["columns"].index("waiting_for")] = "approval"
    copy["_meta"] = {
        META_CARD: {"needed": 2, "page": text, "command": text, "agent": text, "risk": text, "reason": text}
    }
    return copy


@pytest.fixture(scope="module")
def seen(shows: Browser, made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All the cards, looked at in one go."""
    jobs = [job(f"made-{way}", made, **how) for way, how in WAYS.items()]
    jobs += [
        job(str(state), other(made, state=str(state), waiting_for=WAITS.get(state, "nothing"), next_step=said))
        for state, said in NEXT_STEPS.items()
    ]
    for name, text in (("markup", MARKUP), ("hiding", HIDING)):
        jobs += [job(f"{name}-{way}", hostile(made, text), **how) for way, how in WAYS.items()]
    jobs.append(job("wrapped", made, wrapped=True))
    bare = {key: one for key, one in made.items() if key != "_meta"}
    jobs.append(job("bare", bare, arguments=NEW_DATE))
    own = other(made, headline=f"Ask a person: {NEW_DATE['reason']}")
    jobs.append(job("own", own))
    for number, odd in enumerate((None, 7, "x", [1], {"needed": {}, "texts": {"a": 1}, "reason": [1], "page": {}})):
        jobs.append(job(f"odd-{number}", {**made, "_meta": {META_CARD: odd}}, arguments={"reason": 5}))
    return shows.look(jobs)


@guarantees("offers.card", "views.true")
def test_card_shows_what_would_change_who_decides_and_where(seen: dict[str, Any], made: dict[str, Any]) -> None:
    """Each cell of the answer, and what came beside it."""
    text = seen["made-light"]["text"]
    tables = made["structuredContent"]["tables"]
    facts = made["_meta"][META_CARD]

    proposal = shown(made["structuredContent"])
    for told in (proposal["proposal_id"], proposal["headline"], proposal["document"], proposal["expires_at"][:10]):
        assert told in text
    for table in ("changes", "checks", "effects"):
        for row in tables[table]["rows"]:
            for cell in (one for one in row if one and one not in {"ok", "flag", "person"}):
                assert cell.replace("_", " ") in text or cell in text, (table, cell)
    assert "One person whom the policy names decides" in text
    assert LINK in text
    assert facts["command"] in text
    assert "Untrusted: an agent wrote this" in text
    assert str(NEW_DATE["reason"]) in text
    assert "This card decides nothing" in text


@guarantees("offers.card", "views.readable", "views.inert")
def test_every_card_is_readable_asks_nothing_and_has_nothing_to_press(seen: dict[str, Any]) -> None:
    """In every state, light, dark and narrow, hostile or not: no rule of accessibility broken, no error, no way out."""
    for name, page in seen.items():
        assert page["violations"] == [], name
        assert page["overflows"] is False, name
        assert page["strange"] is False, name
        told = [one for one in page["said"] if name != "wrapped" or "outside the document's <head>" not in one]
        assert (page["asked"], told) == ([], []), name
        methods = {message.get("method") for message in page["sent"]}
        assert methods == {"ui/initialize", "ui/notifications/initialized", "ui/notifications/size-changed"}, name
        for tag in ("<a", "<button", "<input", "<form", "<img", "<script", "<iframe"):
            assert tag not in page["html"], (name, tag)


@guarantees("offers.card")
def test_every_state_has_words_of_its_own_and_people_are_named_only_where_they_decide(seen: dict[str, Any]) -> None:
    """A state that the card does not know would stand there as a code."""
    for state in NEXT_STEPS:
        text = seen[str(state)]["text"]
        assert state is State.PROPOSED or str(state) not in text
        assert ("Who decides" in text) == (WAITS.get(state) == "approval"), state


@guarantees("offers.card", "views.inert")
def test_inside_a_page_of_its_host_the_card_is_the_same_and_its_own_policy_stands(
    seen: dict[str, dict[str, Any]],
) -> None:
    """A host that puts it into a body of its own takes its policy out of its head; there it counts for nothing."""
    assert seen["wrapped"]["text"] == seen["made-light"]["text"]
    assert any("outside the document's <head>" in one for one in seen["wrapped"]["said"])  # it was in a body
    assert seen["wrapped"]["strange"] is False


@guarantees("offers.card")
def test_what_is_over_is_told_as_over(seen: dict[str, dict[str, Any]]) -> None:
    """Nothing would change any more, and nobody decides until any day."""
    assert "What would change" in seen["made-light"]["text"]
    assert "Decide until" in seen["made-light"]["text"]
    assert "1 of 6 asks for a look" in seen["made-light"]["text"]
    assert "erp (live) as of" in seen["made-light"]["text"]
    for state in (State.COMMITTED, State.REJECTED, State.EXPIRED):
        text = seen[str(state)]["text"]
        assert ("What was asked for" in text, "What would change" in text, "Decide until" in text) == (
            True, False, False,
        ), state  # fmt: skip


@guarantees("offers.card", "views.inert", "P8.text_is_data")
@pytest.mark.parametrize(("name", "text"), [("markup", MARKUP), ("hiding", HIDING)])
def test_hostile_text_stays_text_and_what_hides_in_it_is_shown_as_on_the_approvers_page(
    seen: dict[str, Any], name: str, text: str
) -> None:
    """Character by character what `answers.visible` makes of it, in heading, tables, address and the agent's words."""
    told = " ".join(seen[f"{name}-light"]["text"].split())
    expected = " ".join(visible(text).split())

    assert told.count(expected) >= 10
    for hidden in ("\u202e", "\u200b", "\U000e0041", "\u2028", "\u00a0"):
        assert hidden not in seen[f"{name}-light"]["text"]


@guarantees("offers.card")
def test_the_agents_words_are_marked_wherever_they_stand(seen: dict[str, Any]) -> None:
    """In a heading as below it; and where the host hands on no more than the call, they are taken from there."""
    assert "agent's words" in seen["own"]["text"].split("Waits for", 1)[0]
    assert "agent's words" not in seen["made-light"]["text"].split("Waits for", 1)[0]
    assert str(NEW_DATE["reason"]) in seen["bare"]["text"]
    assert "erp-mcp approvals show prp_" in seen["bare"]["text"]
    for number in range(5):
        assert "Who decides" in seen[f"odd-{number}"]["text"]
