"""Closing the review of what nobody can look at any more: on the page and at the command line, signed for real."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp import administration
from erp_mcp.administration import Signing, damaged_glass, reviewing
from erp_mcp.administration.damaged_glass import DamagedEmergency
from erp_mcp.approval.recorded import Signatures
from erp_mcp.audit.verify import verify
from erp_mcp.cli import checkup
from erp_mcp.domain.lifecycle import GLASS_REVIEWED
from erp_mcp.errors import GatewayError, PassphraseNeededError, ProposalDamagedError, ProposalMovedError
from erp_mcp.policy.bundle import canonical, digest_of
from erp_mcp.store.state.rows import content_digest
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.committing.office import a_policy
from tests.unit.committing.test_break_glass import glassy
from tests.unit.web.browsing import Browser
from tests.unit.web.test_break_glass import GLASS, TERMS, WHY, breaks
from tests.unit.web.test_deciding import HERE, ID, at, without_flags

FOUND: Final = "The row says something else than they signed; I asked both of them."
HEADLINE: Final = without_flags().headline
REVIEW: Final = f"{HERE}/review"


@pytest.fixture(scope="module")
def peopled(enrolled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment with a fourth and a fifth person, of whom today's policy names the fifth as reviewer."""
    one = Desk(directory=Path(shutil.copytree(enrolled, tmp_path_factory.mktemp("peopled") / "p")))
    for who in ("carl", "dora"):
        assert one.enrol(who, name=f"{who.capitalize()} Controller", by="ada").exit_code == 0
    names(one, "dora", "bob")
    return one.directory


@pytest.fixture
def desk(peopled: Path, tmp_path: Path) -> Desk:
    """A copy of it to change at will."""
    return Desk(directory=Path(shutil.copytree(peopled, tmp_path / "p")))


def names(desk: Desk, *reviewers: str) -> None:
    """Let a policy count in which these review what is approved in an emergency."""
    glass = replace(GLASS, review_by=reviewers) if reviewers else None
    text = canonical(glassy(a_policy(), glass))
    deployment = desk.open()
    try:
        bundles = deployment.state.bundles
        bundles.put_bundle(digest_of(text), text, applied_by="zoe", previous=bundles.active_digest())
    finally:
        deployment.close()


def forge(desk: Desk, statement: str, *values: str) -> None:
    """Change the state file as its owner can, past its rules."""
    deployment = desk.open()
    path = deployment.settings.state_dir / "state.sqlite"
    deployment.close()
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        rules = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement, values)
        for _, rule in rules:
            connection.execute(rule)


async def damaged(browser: Browser, desk: Desk, statement: str = "", *values: str) -> DamagedEmergency:
    """Let two people break the glass, and somebody change the row."""
    desk.propose(preview=without_flags(), terms=TERMS)
    for name in ("ada", "bob"):
        assert await breaks(browser, name) == 303
    forge(desk, statement or "UPDATE proposal SET content = replace(content, 'late', 'lost')", *values)
    return seen(browser)


def seen(browser: Browser) -> DamagedEmergency:
    found = damaged_glass.emergency(browser.deployment, ID)
    assert found is not None
    return found


def signing(who: str) -> Signing:
    return Signing(approver_id=who, passphrase=f"{PASSPHRASE} of {who}")


def findings(browser: Browser) -> list[str]:
    state, signatures = browser.deployment.state, Signatures()
    report = verify(
        signatures.through(state.audit.read_all()),
        strays=state.audit.strays(),
        proposals=state.proposals.kept(),
        rows=state.kept_rows(),
    )
    assert signatures.flaws == []
    return [f"{one.code} {one.detail}" for one in report.findings if not one.is_notice]


@guarantees("P3.break_glass", "P3.page_decides", "P3.page_told", "P5.moves_proved")
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_the_page_says_what_is_known_and_what_is_not_and_a_reviewer_of_today_closes_it(
    browser: Browser, desk: Desk
) -> None:
    """Overdue, it shut every glass; the log holds with one finding as before, the changed row."""
    await damaged(browser, desk)
    browser.clock.ahead += timedelta(hours=24, seconds=1)
    assert findings(browser) == [f"row_changed {ID} content"]
    await at(browser, "carl")  # whom the terms of then name, and nobody today
    assert REVIEW not in browser.seen.forms
    told = (await at(browser, "dora")).seen.text
    for part in (
        "What is stored of this proposal is not what was signed",
        "review overdue: no other glass can be broken",
        f"{HEADLINE} (by the audit log, which has what was signed)",
        "propose_update_delivery_date",
        "planner for olga",
        "To be closed by dora, before",
        "Whether it was written, as what, and where",
    ):
        assert part in " ".join(told.split()), part
    assert told.count(WHY) == 2
    assert browser.seen.forms.keys() >= {REVIEW}

    words = {"verdict": "not_justified", "reason": FOUND, "passphrase": f"{PASSPHRASE} of dora"}
    assert (await browser.send(REVIEW, **{**words, "passphrase": "not hers"})).status_code == 403
    await browser.get(HERE)
    assert "page.bad_form" in (await browser.send(REVIEW, **{**words, "verdict": "justified"})).text
    await browser.get(HERE)
    assert "page.bad_form" in (await browser.send(REVIEW, **words, digest="0" * 64)).text
    await browser.get(HERE)
    short = await browser.send(REVIEW, **{**words, "reason": "changed"})
    assert (short.status_code, "at least 20 characters" in short.text) == (400, True)
    await browser.get(HERE)
    assert (await browser.send(REVIEW, **words)).status_code == 303

    after = " ".join((await browser.get(HERE)).text.split())
    assert "Closed by Dora Controller (dora)" in after
    assert FOUND in after
    assert REVIEW not in browser.seen.forms
    assert "Glass was broken for" not in (await browser.get("/")).text
    assert [one.status for one in checkup.writes(browser.deployment) if one.name == "reviews"] == []
    assert findings(browser) == [f"row_changed {ID} content"]
    assert [one.type for one in browser.deployment.state.proposals.history(ID)][-1] == GLASS_REVIEWED
    assert seen(browser).flaw == ""


@guarantees("P3.break_glass", "P3.page_told")
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_the_terminal_says_the_same_and_takes_one_word_alone(browser: Browser, desk: Desk) -> None:
    """Listed among those that wait, in words and for programs."""
    found = await damaged(browser, desk)
    assert "its row is damaged: it is not what was signed" in desk.run("approvals", "list", "--reviews").stdout
    (listed,) = desk.json("approvals", "list", "--reviews")["emergencies"]
    assert (listed["damaged"], listed["headline"], listed["signed_digest"]) == (True, HEADLINE, found.digest)
    shown = desk.run("approvals", "review", ID).stdout
    for words in (f"known: they signed {found.digest}", f"known, by the audit log: {HEADLINE}", "not known: whether"):
        assert words in shown

    wrong = desk.sign("approvals", "review", ID, "--verdict", "justified", "--reason", FOUND, by="dora")
    assert (wrong.exit_code, "nobody can call it justified" in wrong.output) == (2, True)
    others = desk.sign("approvals", "review", ID, "--verdict", "not_justified", "--reason", FOUND, by="carl")
    assert "approval.not_reviewer" in others.output
    done = desk.sign("approvals", "review", ID, "--verdict", "not_justified", "--reason", FOUND, by="dora")

    assert (done.exit_code, "Signed. reviewed: NOT justified" in done.output) == (0, True), done.output
    assert desk.run("approvals", "list", "--reviews").stdout == "Nothing waits for a review.\n"
    (told,) = desk.json("approvals", "list", "--reviews", "--all")["emergencies"]
    assert (told["review"], told["reviewed_by"], told["review_flaw"]) == ("not_justified", "dora", None)


@guarantees("P3.break_glass")
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_without_the_content_in_the_log_its_headline_is_not_known_and_it_can_be_closed(
    browser: Browser, desk: Desk
) -> None:
    """What the first record says in the clear is enough to tell whose it was."""
    await damaged(browser, desk)
    forge(desk, "DELETE FROM audit_detail WHERE name = 'content'")
    known = seen(browser).known
    assert (known.headline, known.tool, known.owner) == ("", "propose_update_delivery_date", "olga")
    told = " ".join((await at(browser, "dora")).seen.text.split())
    assert "the audit log has it no more, only its digest" in told
    assert HEADLINE not in told
    assert "the audit log has it no more" in desk.run("approvals", "review", ID).stdout

    assert damaged_glass.close(browser.deployment, seen(browser), signing("dora"), FOUND).stands == "not_justified"


@guarantees("P3.break_glass", "P5.tamper_evident")
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_words_that_somebody_changed_in_the_log_too_are_not_taken_for_what_was_signed(
    browser: Browser, desk: Desk
) -> None:
    """Whoever can change the row can change the log's copy; only what has the signed digest is what was signed."""
    await damaged(browser, desk)
    forge(desk, "UPDATE audit_detail SET value = replace(value, 'Move line', 'Leave line') WHERE name = 'content'")
    known = seen(browser).known
    assert (known.headline, known.tool, known.owner) == ("", "propose_update_delivery_date", "olga")
    told = " ".join((await at(browser, "dora")).seen.text.split())
    assert "Leave line" not in told
    assert "the audit log has it no more, only its digest" in told


FORGED: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "a changed envelope": ("UPDATE decision SET envelope = replace(envelope, 'Line 2', 'Line 3')", ()),
    "one changed envelope": (
        "UPDATE decision SET envelope = replace(envelope, 'Line 2', 'Line 3') WHERE approver_id = 'bob'",
        (),
    ),
    "another digest in both": ("UPDATE decision SET envelope = replace(envelope, ?, ?)", ("@", "f" * 64)),
    "a decision taken away": ("DELETE FROM decision WHERE approver_id = 'bob'", ()),
    "signatures that are none": ("UPDATE decision SET signature = ?", ("e" * 128,)),
    "a log that speaks of another": ("DELETE FROM outbox WHERE type = 'proposal.proposed'", ()),
}


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.parametrize(("statement", "values"), FORGED.values(), ids=FORGED)
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_where_what_they_signed_can_not_be_told_nobody_closes_it(
    browser: Browser, desk: Desk, statement: str, values: tuple[str, ...]
) -> None:
    """Whoever damaged the row damaged their words as well: it stays open until that is put right."""
    found = await damaged(browser, desk)
    forge(desk, statement, *(found.digest if one == "@" else one for one in values))

    with pytest.raises(ProposalDamagedError):
        damaged_glass.close(browser.deployment, seen(browser), signing("dora"), FOUND)
    refused = desk.sign("approvals", "review", ID, "--verdict", "not_justified", "--reason", FOUND, by="dora")

    assert "proposal.damaged" in refused.output
    assert "put right first" in " ".join((await at(browser, "dora")).seen.text.split())
    assert REVIEW not in browser.seen.forms
    assert len(browser.deployment.state.proposals.to_review()) == 1


@guarantees("P3.break_glass", "P3.requesters")
@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("bob", "approval.not_reviewer"),
        ("carl", "approval.not_reviewer"),
        ("olga", "approval.requester"),
        ("nobody", "approval.not_found"),
    ],
)
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_who_may_not_is_refused_and_that_is_recorded(browser: Browser, desk: Desk, who: str, code: str) -> None:
    """One of the two, one whom only the terms of then name, the owner of the agent, and a stranger."""
    names(desk, "dora", "bob", "olga")
    found = await damaged(browser, desk)

    with pytest.raises(GatewayError) as refusal:
        damaged_glass.close(browser.deployment, found, signing(who), FOUND)

    assert refusal.value.code == code
    leaves = [one.leaf.decode() for one in browser.deployment.state.audit.read_all()]
    (last,) = [one for one in leaves if '"review.refused"' in one]
    assert (ID in last, code in last, f'"actor":"{who}"' in last) == (True, True, True)
    assert len(browser.deployment.state.proposals.to_review()) == 1


@guarantees("P3.break_glass")
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_where_the_policy_of_today_names_nobody_the_page_says_so(browser: Browser, desk: Desk) -> None:
    """Until an administrator names somebody, whom the policy then names."""
    await damaged(browser, desk)
    names(desk)
    told = " ".join((await at(browser, "dora")).seen.text.split())
    assert "nobody: the policy of today names no reviewer of it" in told
    assert REVIEW not in browser.seen.forms

    names(desk, "carl")

    assert REVIEW in (await at(browser, "carl")).seen.forms


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_a_row_that_was_changed_with_its_digest_is_reviewed_by_nobody_as_if_it_were_what_was_signed(
    browser: Browser, desk: Desk
) -> None:
    """Whole in itself, and not what the two signed: only its review can be closed."""
    desk.propose(preview=without_flags(), terms=TERMS)
    for name in ("ada", "bob"):
        await breaks(browser, name)
    with closing(sqlite3.connect(browser.deployment.settings.state_dir / "state.sqlite")) as connection:
        ((text,),) = connection.execute("SELECT content FROM proposal").fetchall()
    other = text.replace('"reason":"late"', '"reason":"lost"')
    forge(desk, "UPDATE proposal SET content = ?, digest = ?", other, content_digest(other))
    shown = browser.deployment.state.proposals.get(ID)

    for verdict in ("justified", "not_justified"):
        with pytest.raises(ProposalDamagedError):
            reviewing.give_review(browser.deployment, shown, signing("carl"), verdict, FOUND)

    (listed,) = desk.json("approvals", "list", "--reviews")["emergencies"]
    assert listed["damaged"]
    assert HEADLINE in (await at(browser, "dora")).seen.text
    assert damaged_glass.close(browser.deployment, seen(browser), signing("dora"), FOUND).stands == "not_justified"


@guarantees("P3.break_glass", "P3.signed")
async def test_a_row_that_was_put_right_meanwhile_is_reviewed_as_always(browser: Browser, desk: Desk) -> None:
    """And what closed the review of one that is put right afterwards still counts."""
    found = await damaged(browser, desk)
    deployment = browser.deployment
    forge(desk, "UPDATE proposal SET content = replace(content, 'lost', 'late')")
    with pytest.raises(ProposalMovedError):
        damaged_glass.close(deployment, found, signing("dora"), FOUND)
    assert "To be reviewed by" in (await at(browser, "carl")).seen.text
    forge(desk, "UPDATE proposal SET content = replace(content, 'late', 'lost')")
    damaged_glass.close(deployment, seen(browser), signing("dora"), FOUND)
    forge(desk, "UPDATE proposal SET content = replace(content, 'lost', 'late')")

    after = reviewing.emergency(deployment, deployment.state.proposals.get(ID))

    assert after is not None
    assert (after.stands, after.flaw) == ("not_justified", "")
    assert "it was NOT justified" in (await at(browser, "carl")).seen.text


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.bends_log("the row of an emergency is changed")
async def test_it_takes_the_passphrase_and_counts_of_two_who_were_revoked_since(browser: Browser, desk: Desk) -> None:
    """Who broke the glass may have left: what they signed before that still says what it was."""
    found = await damaged(browser, desk)
    held: dict[str, Any] = {"passphrase": "", "key": administration.opened_key(browser.deployment, signing("dora"))}
    with pytest.raises(PassphraseNeededError):
        damaged_glass.close(browser.deployment, found, replace(signing("dora"), **held), FOUND)
    assert desk.sign("approvals", "revoke", "bob", by="ada").exit_code == 0

    assert damaged_glass.close(browser.deployment, seen(browser), signing("dora"), FOUND).stands == "not_justified"
