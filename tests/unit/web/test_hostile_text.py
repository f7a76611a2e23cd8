"""Text of systems and agents that tries to be more than text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.answers.visible import visible
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.web import rendering
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import Browser, Seen

ID = "prp_000000000001"
HERE = f"/proposals/{ID}"
ATTACKS: Final = {
    "html": "<img src=x onerror=alert(1)><script>alert(1)</script><style>body{display:none}</style>",
    "attribute": "\" autofocus onfocus=alert(1) x=\"' onmouseover=alert(1) '",
    "form": "</textarea></form><form method=post action=/stop><input name=scope value=all><button>Stop</button></form>",
    "template": "{{ 7 * 7 }} {% if true %}yes{% endif %} {# gone #} ${7*7}",
    "markdown": "[approve](javascript:alert(1)) ![x](http://evil.example/x.png) **bold** `code`",
    "entities": "&lt;script&gt; &#60;script&#62; &amp;lt; &nbsp;",
    "comment": "<!-- --><!--> <![CDATA[ x ]]> <?xml?>",
    "meta": "<meta http-equiv=refresh content=0;url=http://evil.example/><base href=http://evil.example/>",
    "fake change": "promised_date before 2026-04-03 after 2026-03-27\nRule R-OK passes\nApproved by anna",
}
HIDING: Final = {
    "right to left": "\u202e",
    "isolate": "\u2067",
    "zero width": "\u200b",
    "joiner": "\u200d",
    "soft hyphen": "\u00ad",
    "byte order": "\ufeff",
    "tag": "\U000e0041",
    "selector": "\ufe0f",
    "no-break": "\u00a0",
    "line": "\u2028",
    "newline": "\n",
    "carriage return": "\r",
    "escape": "\x1b",
    "filler": "\u3164",
    "braille blank": "\u2800",
    "private": "\ue000",
}


def everywhere(text: str) -> dict[str, Any]:
    """Return a proposal in which everything that a system or an agent writes is this text."""
    made = content()
    preview = replace(
        made.preview,
        headline=text,
        document=text,
        system=text,
        changes=(Change(field=text, before=text, after=text, unit=text),),
        checks=(Check(rule=text, verdict="flag", message=text),),
        effects=(text,),
    )
    command = replace(made.command, fields={"note": text}, key=text, version_token=text)
    terms = replace(made.terms, approvers=(), rule=text)
    return {"preview": preview, "command": command, "rationale": text, "terms": terms, "role": text, "rules": (text,)}


def skeleton(seen: Seen) -> list[tuple[str, tuple[str, ...]]]:
    """Return the elements of a page with the names of their attributes, which no text may change."""
    return [(tag, tuple(sorted(given))) for tag, given in seen.elements]


@guarantees("P3.page_text")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_text_stays_text_wherever_it_stands(browser: Browser, desk: Desk, attack: str) -> None:
    """The page has the same elements as with harmless words (and dates), and the words stand there letter by letter."""
    desk.propose(**everywhere(" ".join(["harmless", *re.findall(r"\d{4}-\d\d-\d\d", attack)])))
    desk.propose("prp_000000000002", **everywhere(attack))
    browser.deployment.state.switches.stop("all", by="ada", reason=attack)
    await browser.sign_in("bob")
    pages = {}
    for proposal_id in (ID, "prp_000000000002"):
        await browser.get(f"/proposals/{proposal_id}")
        pages[proposal_id] = browser.seen

    harmless, hostile = pages.values()
    assert skeleton(hostile) == skeleton(harmless)
    assert visible(attack) in "".join(hostile.words)
    for _, given_ in hostile.elements:
        assert not any(name.startswith("on") or name == "style" for name in given_)
        assert given_.get("href", "/").startswith(("/", "#"))
        assert not given_.get("href", "/").startswith("//")
    await browser.get("/")
    assert visible(attack) in "".join(browser.seen.words)


@guarantees("P3.page_text")
@pytest.mark.parametrize("sign", HIDING.values(), ids=HIDING.keys())
async def test_what_hides_is_shown_by_its_code_wherever_it_stands(browser: Browser, desk: Desk, sign: str) -> None:
    """A person can only say yes to what they see."""
    desk.propose(**everywhere(f"12{sign}34"))
    await browser.sign_in("bob")
    browser.deployment.state.switches.stop("all", by="ada", reason=f"12{sign}34")

    for address in (HERE, "/", "/stop"):
        answer = await browser.get(address)
        assert f"12⟨U+{ord(sign):04X}⟩34" in "".join(browser.seen.words)
        assert f"12{sign}34" not in answer.text


@guarantees("P3.page_text")
async def test_letters_that_pose_as_others_are_told_apart(browser: Browser, desk: Desk) -> None:
    """An id that looks like another one would be approved for the other."""
    desk.propose(**everywhere("pаypal Ａ1 СОРЕ of steel"))
    await browser.sign_in("bob")
    await browser.get(HERE)

    assert "pа⟨U+0430⟩ypal Ａ⟨U+FF21⟩1 С⟨U+0421⟩О⟨U+041E⟩Р⟨U+0420⟩Е⟨U+0415⟩ of steel" in browser.seen.text


@guarantees("P3.page_text")
@pytest.mark.parametrize("text", ["Müller Straße Łódź", "5 µm, 3 Ω, m²", "Москва", "日本 ABC日本", "½ 3² ﬁ"])
def test_honest_letters_stay_as_they_are(text: str) -> None:
    """Codes between the letters of a name are noise, and noise teaches people to look away."""
    assert visible(text) == text


@guarantees("P3.page_text")
async def test_very_long_text_is_there_to_its_end_and_moves_nothing_else(browser: Browser, desk: Desk) -> None:
    """What is cut off is signed all the same, so nothing is cut off."""
    desk.propose(**everywhere("x" * 100_000 + " END"))
    await browser.sign_in("bob")
    answer = await browser.get(HERE)

    assert answer.status_code == 200
    assert answer.text.count("x" * 100_000 + " END") >= 5
    assert f"{HERE}/approve" in browser.seen.forms


@guarantees("P3.page_text")
async def test_the_agents_words_stand_apart_behind_everything_that_is_decided_on(browser: Browser, desk: Desk) -> None:
    """Nobody checked them: they must not be mistaken for what we found."""
    words = "PLEASE approve, all rules pass"
    desk.propose(rationale=words, arguments={**content().arguments, "reason": words})
    await browser.sign_in("bob")
    await browser.get(HERE)

    text = browser.seen.text
    before, _, behind = text.partition("The agent's own words")
    assert "PLEASE" not in before
    assert behind.startswith(" Nobody checked them. Nothing above was made from them. PLEASE approve, all rules pass")


@guarantees("P3.page_text")
@given(st.text())
def test_no_text_gets_through_as_anything_but_its_visible_self(text: str) -> None:
    """The engine sees to it, so that no template can forget."""
    shown = rendering.render("message.html", {**FRAME, "title": text, "advice": text, "code": "", "details": []})

    seen = Seen(shown)
    assert skeleton(seen) == SKELETON[bool(text)]
    assert visible(text) in "".join(seen.words)


FRAME: Final = {
    "root": "",
    "tasks": 0,
    "who": "",
    "who_id": "",
    "waiting": 0,
    "stuck": 0,
    "stops": [],
    "to_review": [],
    "sign_out": "",
    "deployment": "plant",
    "environment": "",
    "here": "",
}
SKELETON: Final = {
    told: skeleton(
        Seen(
            rendering.render(
                "message.html", {**FRAME, "title": "x", "advice": "x" if told else "", "code": "", "details": []}
            )
        )
    )
    for told in (False, True)
}
