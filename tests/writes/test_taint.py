"""What outsiders wrote and an agent read: its next proposals take one more person, until that is old or cleared."""

from __future__ import annotations

import json

import pytest

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.approval import taint
from erp_mcp.approval.taint import Clearing
from erp_mcp.domain.approver import Signed
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.instants import exact_instant
from erp_mcp.errors import BadPassphraseError, NotTaintedError, RequesterError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.writes.desk import ADMIN, AGENT, APPROVERS, WriteDesk, passphrase_of

DATES = "propose_update_delivery_date"


@pytest.fixture
def watched(desk: WriteDesk) -> WriteDesk:
    """The desk under a policy that looks back four hours."""
    base = desk.directory / "policies" / "base.yaml"
    policy = json.loads(base.read_text(encoding="utf-8"))
    base.write_text(json.dumps({**policy, "people": {"taint_h": 4}}), encoding="utf-8")
    administration.apply_policy(desk.deployment, applied_by="tests", signing=_signing(desk, ADMIN))
    return desk


def _signing(desk: WriteDesk, who: str) -> Signing:
    return Signing(approver_id=who, passphrase=passphrase_of(desk.directory, who))


def _terms(desk: WriteDesk, number: int) -> Terms:
    """Propose another date of some open line, and return who must say yes."""
    order, line, date = desk.erp(
        "SELECT po_no, item_no, promise FROM po_item WHERE stat = 'OPEN' AND promise > '2026-04-01'"
        " ORDER BY po_no, item_no LIMIT 1 OFFSET ?",
        number,
    )[0]
    proposal = desk.propose(
        DATES,
        purchase_order_id=order,
        line=line,
        new_date=f"{date[:8]}28" if not date.endswith("28") else f"{date[:8]}27",
        reason="The supplier has written.",
        idempotency_key=f"date-of-line-{number}",
    )
    return proposal.content.terms


def _read_a_note(desk: WriteDesk) -> None:
    """Read a purchase order to which somebody outside has written something."""
    ((order,),) = desk.erp("SELECT po_no FROM po_item WHERE memo <> '' ORDER BY po_no LIMIT 1")
    desk.answer("get_purchase_order", purchase_order_id=order)


@guarantees("P3.taint")
def test_after_reading_what_outsiders_wrote_one_more_person_decides(watched: WriteDesk) -> None:
    """The same tool before and after, in the same hour; the record of the call says where it stood."""
    before = _terms(watched, 0)
    _read_a_note(watched)

    after = _terms(watched, 1)

    assert (before.needed, before.raised) == (1, "")
    assert (after.needed, after.raised, after.self_approval) == (2, "outsider_text", False)
    (found,) = administration.tainted(watched.deployment)
    assert (found.agent, found.fields) == (AGENT, ("lines.note",))
    leaves = [json.loads(record.leaf) for record in watched.deployment.state.audit.read_all()]
    assert [leaf["facts"]["outsider_text"] for leaf in leaves if "outsider_text" in leaf["facts"]] == [["lines.note"]]


@guarantees("P3.taint")
def test_what_the_company_s_own_people_wrote_and_what_was_found_empty_does_not_count(watched: WriteDesk) -> None:
    """Reading stock, and an order that nobody outside has written to."""
    watched.answer("get_stock", site="1000")
    ((order,),) = watched.erp(
        "SELECT po_no FROM po_head WHERE po_no NOT IN (SELECT po_no FROM po_item WHERE memo <> '')"
        " AND po_no NOT IN (SELECT po_no FROM po_conf WHERE reason <> '') ORDER BY po_no LIMIT 1"
    )
    watched.answer("get_purchase_order", purchase_order_id=order)

    assert administration.tainted(watched.deployment) == ()
    assert _terms(watched, 0).needed == 1


@guarantees("P3.taint")
def test_an_approver_clears_what_was_read_and_nothing_after_it(watched: WriteDesk) -> None:
    """Their signed word is about that very reading; the next one counts again."""
    _read_a_note(watched)
    administration.clear_taint(watched.deployment, AGENT, _signing(watched, APPROVERS[0]), "it asks for nothing")
    assert _terms(watched, 0).needed == 1
    with pytest.raises(NotTaintedError):
        administration.clear_taint(watched.deployment, AGENT, _signing(watched, APPROVERS[0]), "again")

    _read_a_note(watched)

    assert _terms(watched, 1).needed == 2
    kinds = [json.loads(record.leaf)["kind"] for record in watched.deployment.state.audit.read_all()]
    assert kinds.count("taint.cleared") == 1


@guarantees("P3.taint", "P3.requesters")
def test_neither_the_agent_s_owner_nor_a_wrong_passphrase_clears_anything(watched: WriteDesk) -> None:
    """Whoever it acts for asks as well; and nobody speaks in another's name."""
    admin = _signing(watched, ADMIN)
    owner = "a long passphrase of the owner"
    administration.enrol(watched.deployment, "demo-owner", "", owner, by=admin)
    _read_a_note(watched)

    with pytest.raises(RequesterError):
        administration.clear_taint(
            watched.deployment, AGENT, Signing(approver_id="demo-owner", passphrase=owner), "it is mine"
        )
    wrong = Signing(approver_id=APPROVERS[0], passphrase="not the right one at all")
    with pytest.raises(BadPassphraseError):
        administration.clear_taint(watched.deployment, AGENT, wrong, "a guess")
    assert _terms(watched, 0).needed == 2


@guarantees("P3.taint", "P3.signed")
@pytest.mark.parametrize(
    "name", ["agent", "read_at", "deployment", "approver_id", "approver_name", "public_key", "reason"]
)
@pytest.mark.bends_log("a word that nobody signed")
def test_a_word_that_somebody_wrote_into_the_database_clears_nothing(watched: WriteDesk, name: str) -> None:
    """Each part of what is signed, changed by itself under the same signature."""
    _read_a_note(watched)
    state: DeploymentState = watched.deployment.state
    administration.clear_taint(watched.deployment, AGENT, _signing(watched, APPROVERS[0]), "it asks for nothing")
    (real,) = state.taint.clearings(AGENT)
    words = json.loads(real.text)
    _read_a_note(watched)
    read = state.taint.of(AGENT)
    assert read is not None
    forged = {**words, "read_at": read.read_at, **({name: words[name] + "x"} if name != "read_at" else {})}
    text, _ = taint.message(Clearing(**{**forged, "fields": tuple(forged["fields"])}))
    now = exact_instant(watched.deployment.clock.wall())
    state.taint.clear(AGENT, Signed(text=text, signer=real.signer, signature=real.signature), nonce="forged", at=now)

    assert _terms(watched, 0).needed == 2


@guarantees("P3.taint")
def test_without_such_a_rule_nothing_is_raised(desk: WriteDesk) -> None:
    """What was read is kept all the same, so that the rule holds from the moment it is applied."""
    _read_a_note(desk)

    assert _terms(desk, 0).needed == 1
    assert administration.tainted(desk.deployment) == ()
    assert desk.deployment.state.taint.of(AGENT) is not None
