"""What a person reads: dates in one piece, rows counted as people count, and what is over told as over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.approval import narrowing
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.web.rendering import pieces
from erp_mcp.web.words import called, shortened
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import Browser

ID = "prp_000000000001"
HERE = f"/proposals/{ID}"
LEFT = Check(rule="R-SANCTIONS", verdict="person", message="Not looked at here: sanctions lists.")
WHILE_IT_WAITS = (
    *("Who may decide", "may decide", "What would change", "Why you are asked", "For you to check", "1 to check"),
    *("Expires", "Exactly what would be sent"),
)
AFTERWARDS = ("What was asked for", "Why people were asked", "What was left to people", "Waited until")
FLAG = Check(rule="R-IMPACT", verdict="flag", message="1 open demand gets it later.")


@guarantees("P3.page_told", "P3.page_text")
@pytest.mark.parametrize(
    ("text", "put_out"),
    [
        ("from 2026-03-18 to 2026-03-25", "from |2026-03-18| to |2026-03-25|"),
        ("3 h 59 min, 12 s ago", "|3 h| |59 min|, |12 s| ago"),
        ("<b>2026-03-18</b>", "&lt;b&gt;|2026-03-18|&lt;/b&gt;"),
        ("&#39;5 s' \" 7 sheets", "&amp;#39;|5 s|&#39; &#34; 7 sheets"),
        ("4500000722/00020 12026-03-181 2026-3-1", "4500000722/00020 12026-03-181 2026-3-1"),
        ("2026\u202e-03-18", "2026⟨U+202E⟩-03-18"),
    ],
)
def test_dates_and_spans_stay_in_one_piece_and_nothing_else_becomes_markup(text: str, put_out: str) -> None:
    """A browser breaks a line after a hyphen: half a date on one line and half on the next is misread."""
    expected = "".join(
        f'<span class="piece">{part}</span>' if odd % 2 else part for odd, part in enumerate(put_out.split("|"))
    )

    assert str(pieces(text)) == expected


@guarantees("P3.page_told")
async def test_the_dates_of_a_headline_stay_in_one_piece_in_list_and_heading(browser: Browser, desk: Desk) -> None:
    """Where the screen is narrow, they are what a line ends in."""
    desk.propose()
    await browser.sign_in("bob")
    date = '<span class="piece">2026-04-01</span>'
    for address, tag in (("/", f'<a href="{HERE}">'), (HERE, "<h1>")):
        answer = await browser.get(address)
        assert f"{tag}Move line 10 of 4500000123 to {date}</" in answer.text


@guarantees("P3.page_told")
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("lines[0]", "Line 1"),
        ("lines[11].qty", "Line 12: qty"),
        ("moves[1].qty", "Move 2: qty"),
        ("create_order.lines[0]", "create_order, line 1"),
        ("create_order.lines[2].price", "create_order, line 3: price"),
        ("qty", "qty"),
        ("00010", "00010"),
        ("lines[0] and more", "lines[0] and more"),
    ],
)
def test_rows_are_counted_as_people_count(path: str, told: str) -> None:
    """The first line is line 1 wherever it is spoken of: whoever leaves out another line approves what they refuse."""
    assert called(path) == told


@guarantees("P3.page_told", "P3.narrowed")
async def test_what_can_be_left_out_is_called_as_the_table_calls_it(browser: Browser, desk: Desk) -> None:
    """The form names each row as the change above it does, and its field is sent by its own name."""
    lines: list[JsonValue] = [{"material_id": f"RM-00{number}", "qty": "5"} for number in (1, 2)]
    changes = tuple(Change(field=f"lines[{at}].qty", before="", after="5") for at in range(2))
    desk.propose(arguments={"lines": lines}, preview=replace(content().preview, changes=changes))
    await browser.sign_in("bob")
    await browser.get(HERE)

    text = browser.seen.text
    for line in ("Line 1", "Line 2"):
        assert text.count(line) == 3  # the table, the tick and the amount
    assert "lines[" not in text.partition("Approve less")[2]
    fields = browser.seen.fields[f"{HERE}/narrow"]
    assert {one.path for one in narrowing.narrowable({"lines": lines})} == {
        one.partition(" ")[2] for one in fields if " " in one
    }


@guarantees("P3.page_told")
@pytest.mark.parametrize("ended", [False, True], ids=["waits", "over"])
async def test_what_is_over_is_told_as_over(browser: Browser, desk: Desk, ended: bool) -> None:
    """Nobody may decide any more, nothing is left to check, and nothing would change."""
    desk.propose(preview=replace(content().preview, checks=(LEFT,)))
    await browser.sign_in("bob")
    await browser.get(HERE)
    if ended:
        await browser.send(f"{HERE}/reject", reason="not this one")
        await browser.get(HERE)
        assert desk.proposal().state is State.REJECTED

    text = browser.seen.text
    for one in WHILE_IT_WAITS:
        assert (one in text) is not ended, one
    for one in AFTERWARDS:
        assert (one in text) is ended, one
    assert "R-SANCTIONS" in text


@guarantees("P3.page_told", "rules.left_to_people")
async def test_the_list_tells_apart_what_is_to_be_checked_and_what_was_flagged(browser: Browser, desk: Desk) -> None:
    """As the proposal itself does: a flag is something that was looked at."""
    desk.propose(preview=replace(content().preview, checks=(LEFT, FLAG, FLAG)))
    desk.propose("prp_000000000002", preview=replace(content().preview, checks=(FLAG,)))
    await browser.sign_in("bob")
    await browser.get("/")

    text = browser.seen.text
    assert text.count("1 to check 2 flags") == 1
    assert text.count("1 flag ") == 1
    assert "3 flags" not in text
    await browser.get(HERE)
    await browser.send(f"{HERE}/reject", reason="not this one")
    await browser.get("/?view=ended")
    assert ("2 flags" in browser.seen.text, "to check" in browser.seen.text) == (True, False)


@guarantees("P3.page_told")
@pytest.mark.parametrize(
    ("address", "place"), [("/", "/"), ("/?view=look", "/?view=look"), ("/?view=ended", "/"), ("/tasks", "/tasks")]
)
async def test_the_page_says_where_one_is(browser: Browser, address: str, place: str) -> None:
    """One entry of the menu, for who sees it and for who hears it."""
    await browser.sign_in("bob")
    await browser.get(address)

    here = [given["href"] for tag, given in browser.seen.elements if given.get("aria-current") == "page"]
    assert here == [place]


@guarantees("P3.page_told", "input.clear_errors")
async def test_a_proposal_that_is_not_there_is_told_to_people_and_not_to_agents(browser: Browser) -> None:
    """What an agent would do next helps nobody who has followed half an address."""
    await browser.sign_in("bob")

    answer = await browser.get("/proposals/prp_00000000zzzz")

    assert answer.status_code == 400
    assert "proposal.not_found" in answer.text
    assert "The address may be cut off" in browser.seen.text
    assert "list_my_proposals" not in answer.text


@guarantees("P3.page_told")
async def test_a_field_that_is_sent_empty_is_told_to_be_empty(browser: Browser, desk: Desk) -> None:
    """A name with nothing behind it looks as if something were missing on the page."""
    desk.propose(command=replace(content().command, fields={"due": "", "note": "x"}))
    await browser.sign_in("bob")
    await browser.get(HERE)

    assert "due (empty)" in browser.seen.text


@guarantees("P3.page_told")
def test_a_long_name_is_cut_where_it_can_be_seen_to_be() -> None:
    """Above a bar there is room for so much; what is cut off says so."""
    assert shortened("a" * 32) == "a" * 32
    assert shortened("a" * 33) == "a" * 31 + "…"
