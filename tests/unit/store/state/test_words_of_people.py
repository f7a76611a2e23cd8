"""Everything that people can sign, by a key of their own or by an account at a provider: the log of it holds.

And goes on to hold when all of them were revoked; of whatever is bent in it, the words that it touches are told.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import pytest

from erp_mcp.approval import envelope, resolution, review, taint
from erp_mcp.approval.envelope import Envelope, OidcEnvelope
from erp_mcp.approval.recorded import Signatures
from erp_mcp.approval.resolution import OidcResolution, Resolution
from erp_mcp.approval.review import OidcReview, Review
from erp_mcp.approval.taint import Clearing, OidcClearing
from erp_mcp.domain.approver import Approver, Signed
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, SignedDecision, SignedResolution, SignedReview, Step
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.approval.people import DEPLOYMENT, ROOT, Person, at, enrolled, revoked
from tests.unit.approval.test_oidc import KNOWN, OTHER_PAGE, PAGE, account, ended, page
from tests.unit.store.state.fakes import a_content, a_receipt
from tests.unit.store.state.stores import opened
from tests.unit.store.state.test_break_glass import made
from tests.verified_logs import flaws_of

PEOPLE: Final = tuple(Person(id=name) for name in ("anna", "carl", "dora", "olaf"))
ANNA, CARL, DORA, OLAF = PEOPLE
WORDS: Final = 15  # decisions, statements and reviews of one story
HOW: Final = ("a key of their own", "an account beside it", "an account alone")


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Four people at a deployment, who all say what they say in one way."""

    state: DeploymentState
    how: str

    def enrol(self) -> None:
        """Let everybody in whom this takes."""
        own = () if self.how == HOW[2] else PEOPLE
        rows = [enrolled(ROOT, ROOT), *(enrolled(one, ROOT) for one in own)]
        if self.how != HOW[0]:
            rows += [page(), *(account(one.id, f"sub-{one.id}") for one in PEOPLE)]
        for row in rows:
            self.state.approvers.enrol(row)

    def revoke(self) -> None:
        """Let nobody decide any more but the first one, by another page."""
        for row in self.state.approvers.all()[1:]:
            person = next((one for one in PEOPLE if one.id == row.approver_id), None)
            gone = revoked(row, person, ROOT) if person else ended(row)
            assert gone.revocation is not None
            self.state.approvers.revoke(row.approver_id, gone.revocation)
        self.state.approvers.enrol(page(OTHER_PAGE))

    def sign(self, person: Person, own: Any, by_page: Any, message: Any, **said: object) -> tuple[str, str, str]:
        """Return text, signature and nonce of what somebody says."""
        nonce = secrets.token_hex(16)
        told = {"deployment": DEPLOYMENT, "approver_id": person.id, "approver_name": person.id, "nonce": nonce, **said}
        if self.how == HOW[0]:
            text, whole = message(own(public_key=person.public, **told))
            return text, person.sign(whole), nonce
        known = replace(KNOWN, subject=f"sub-{person.id}")
        text, whole = message(by_page(public_key=PAGE.public, sign_in=known, **told))
        return text, PAGE.sign(whole), nonce

    def decision(self, content: Content, person: Person, choice: Any) -> SignedDecision:
        method = "passphrase" if self.how == HOW[0] else "oidc"
        said = {
            "decision": choice,
            "method": method,
            "meaning": "As it stands there.",
            "comment": "",
            "decided_at": at(),
        }
        text, signature, nonce = self.sign(
            person, Envelope, OidcEnvelope, envelope.message, **said, **about(content)
        )  # fmt: skip
        return SignedDecision(
            proposal_id=content.proposal_id, approver_id=person.id, decision=choice, envelope=text,
            signature=signature, nonce=nonce, decided_at=at(),
        )  # fmt: skip

    def decides(self, content: Content, person: Person, choice: str = "approve") -> State:
        return self.state.proposals.decide(self.decision(content, person, choice)).state

    def states(self, content: Content, person: Person, verdict: Any) -> State:
        """Say what became of what nobody knew, or that it is to be taken back."""
        said = {
            "verdict": verdict,
            "meaning": "So it is.",
            "document": "",
            "key": "",
            "version_token": "",
            "reason": "x",
        }
        text, signature, nonce = self.sign(
            person, Resolution, OidcResolution, resolution.message, resolved_at=at(), **said, **about(content)
        )
        stored = SignedResolution(
            proposal_id=content.proposal_id, approver_id=person.id, verdict=verdict, statement=text,
            signature=signature, nonce=nonce, resolved_at=at(),
        )  # fmt: skip
        return self.state.proposals.resolve(stored, a_receipt() if verdict == "applied" else None).state

    def reviews(self, content: Content, person: Person, verdict: Any) -> None:
        said = {"verdict": verdict, "meaning": "So it was.", "reason": "x", "broken_by": ("carl", "dora")}
        text, signature, nonce = self.sign(
            person, Review, OidcReview, review.message, reviewed_at=at(), **said, **about(content)
        )
        self.state.proposals.review(
            SignedReview(
                proposal_id=content.proposal_id, approver_id=person.id, verdict=verdict, statement=text,
                signature=signature, nonce=nonce, reviewed_at=at(),
            )
        )  # fmt: skip

    def clears(self, person: Person, agent: str = "buyer") -> None:
        """Say that what an agent read is of no concern."""
        said = {"agent": agent, "read_at": at(), "fields": ("order.note",), "reason": "x", "cleared_at": at()}
        text, signature, nonce = self.sign(person, Clearing, OidcClearing, taint.message, **said)
        self.state.taint.clear(agent, Signed(text=text, signer=person.id, signature=signature), nonce=nonce, at=at())

    def proposed(self, key: str, **other: Any) -> Content:
        content = replace(a_content(key), **other)
        self.state.proposals.create(content)
        return content

    def lost(self, key: str, *steps: str) -> Content:
        """Let somebody say yes, and a worker come so far."""
        content = self.proposed(key)
        assert self.decides(content, ANNA) is State.APPROVED
        taken = self.state.proposals.take("w1", lease_s=60)
        assert taken is not None
        for name in steps:
            taken = self.state.proposals.move(
                content.proposal_id, Step(name=name, actor="w1", fence=taken.fence, lease_expires_at=at(days=1))
            )
        return content

    def story(self) -> None:
        """Say everything that there is to say."""
        assert self.decides(self.proposed("key-no-000001"), ANNA, "reject") is State.REJECTED
        assert self.states(self.lost("key-there-001", "send", "lose"), CARL, "applied") is State.COMMITTED
        assert self.states(self.lost("key-not-there", "send", "lose"), CARL, "not_applied") is State.NOT_APPLIED
        stuck = self.lost("key-stuck-001", "compensate", "stick")
        assert self.states(stuck, DORA, "take_back") is State.COMPENSATING
        for key, verdict in (("key-glass-001", "justified"), ("key-glass-002", "not_justified")):
            glass = made(self.state, key)
            assert [self.decides(glass, one, "break_glass") for one in (CARL, DORA)][-1] is State.APPROVED
            self.reviews(glass, OLAF, verdict)
        large = self.proposed("key-large-001")
        small = replace(a_content("key-small-001"), narrows=large.proposal_id)
        no, yes = self.decision(large, OLAF, "reject"), self.decision(small, OLAF, "approve")
        assert self.state.proposals.narrow(no, small, yes).state is State.APPROVED
        self.clears(DORA)


def about(content: Content) -> dict[str, str]:
    return {"proposal_id": content.proposal_id, "digest": envelope.digest(content)}


def held(records: Sequence[AuditRecord]) -> tuple[int, list[tuple[int, str]]]:
    """How many signatures are true, and which are not."""
    signatures = Signatures()
    assert len(list(signatures.through(records))) == len(records)
    return signatures.held, signatures.flaws


@guarantees("P3.signed", "P5.tamper_evident", "P4.two_stores")
@pytest.mark.parametrize("how", HOW)
def test_whatever_people_sign_holds_in_the_log_also_when_all_of_them_are_gone(state: DeploymentState, how: str) -> None:
    """Yes, no and less; in an emergency, and what is found of it; what became of it; what an agent read."""
    cast = Cast(state=state, how=how)
    cast.enrol()
    cast.story()
    assert (held([*state.audit.read_all()]), flaws_of(state)) == ((WORDS, []), [])

    cast.revoke()
    assert (held([*state.audit.read_all()]), flaws_of(state)) == ((WORDS, []), [])


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[AuditRecord]]:
    """What each way of saying it left in the log, with everybody revoked at the end."""
    found: dict[str, list[AuditRecord]] = {}
    for number, how in enumerate(HOW):
        state = opened(tmp_path_factory.mktemp("words") / f"state-{number}")
        cast = Cast(state=state, how=how)
        cast.enrol()
        cast.story()
        cast.revoke()
        found[how] = [*state.audit.read_all()]
        state.close()
    return found


def leaf_of(record: AuditRecord) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.leaf)
    return found


def with_facts(record: AuditRecord, *without: str, **facts: object) -> AuditRecord:
    """The record with other facts."""
    leaf = leaf_of(record)
    told = {name: value for name, value in {**leaf["facts"], **facts}.items() if name not in without}
    return replace(record, leaf=canonical({**leaf, "facts": told}))


def never_kept(record: AuditRecord) -> AuditRecord:
    """The record as if no words had ever belonged to it."""
    return replace(record, leaf=canonical({**leaf_of(record), "fields": {}}), details={})


def with_text(record: AuditRecord, name: str, text: str) -> AuditRecord:
    """The record with other words, which its digest is of."""
    digest = {"text": "text_digest", "envelope": "envelope_digest", "statement": "statement_digest"}[name]
    other = with_facts(record, **{digest: sha256(text.encode()).hexdigest()})
    return replace(other, details={**record.details, name: (record.details[name][0], text)})


def of_row(row: Approver, record: AuditRecord) -> AuditRecord:
    """The record with another enrolment in the place of its own."""
    said = row.enrolment
    return with_facts(with_text(record, "text", said.text), signer=said.signer, signature=said.signature)


def is_word(record: AuditRecord) -> bool:
    leaf = leaf_of(record)
    return str(leaf["kind"]).startswith("proposal.") and "signature" in leaf["facts"]


WORD_BENT: Final[dict[str, tuple[Callable[[AuditRecord], AuditRecord], str]]] = {
    "another move": (
        lambda one: with_facts(one, move="reject" if leaf_of(one)["facts"]["move"] != "reject" else "approve"),
        "other",
    ),
    "used once more": (lambda one: with_facts(one, nonce="0" * 32), "other"),
    "another person": (lambda one: with_facts(one, approver="eve"), "other"),
    "words that were never kept": (never_kept, "form"),
    "no signature": (lambda one: with_facts(one, "signature"), "signature"),
    "other words beside it": (
        lambda one: (
            with_facts(one, **dict.fromkeys({"envelope_digest"} & leaf_of(one)["facts"].keys(), "0" * 64))
            if "envelope_digest" in leaf_of(one)["facts"]
            else with_facts(one, statement_digest="0" * 64)
        ),
        "other",
    ),
}


@guarantees("P3.signed", "P5.tamper_evident")
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("bent", WORD_BENT)
def test_a_word_that_is_bent_is_told(logs: Mapping[str, list[AuditRecord]], how: str, bent: str) -> None:
    """Each of the fifteen in its turn; the others go on being true."""
    log, (bend, why) = logs[how], WORD_BENT[bent]
    places = [one.seq for one in log if is_word(one)]
    assert len(places) == WORDS
    for place in places:
        found = held([bend(one) if one.seq == place else one for one in log])
        expected = "form" if bent == "another move" and "statement" in log[place - 1].details else why
        assert found == (WORDS - 1, [(place, expected)])


@guarantees("P3.signed", "P3.taint", "P5.tamper_evident")
@pytest.mark.parametrize("how", HOW)
def test_a_word_about_a_reading_that_is_bent_is_told(logs: Mapping[str, list[AuditRecord]], how: str) -> None:
    """It lets an agent propose with fewer people."""
    log = logs[how]
    (word,) = [one for one in log if leaf_of(one)["kind"] == "taint.cleared"]
    for bent, why in (
        (with_facts(word, agent="planner"), "other"),
        (with_facts(word, signature="0" * 128), "signature"),
        (replace(word, leaf=canonical({**leaf_of(word), "actor": "olaf"})), "other"),
        (never_kept(word), "form"),
    ):
        assert held([bent if one is word else one for one in log]) == (WORDS, [(word.seq, why)])


def named(log: Sequence[AuditRecord], kind: str, row: str) -> AuditRecord:
    """The record of one enrolment or revocation."""
    (found,) = [one for one in log if leaf_of(one)["kind"] == kind and leaf_of(one)["facts"]["approver"] == row]
    return found


def all_words(log: Sequence[AuditRecord], of: str = "") -> list[tuple[int, str]]:
    """What is told where nobody is known whose words these are; `of` names one person's."""
    said = [one for one in log if is_word(one) or leaf_of(one)["kind"] == "taint.cleared"]
    return [(one.seq, "not_enrolled") for one in said if not of or leaf_of(one)["actor"] == of]


@guarantees("P3.signed", "P3.enrolled", "P3.page_accounts", "P5.tamper_evident")
@pytest.mark.parametrize("how", HOW[1:])
def test_what_a_page_signed_counts_only_while_account_and_page_are_enrolled(
    logs: Mapping[str, list[AuditRecord]], how: str
) -> None:
    """Not before they were, nor behind their revocation, nor for another person; whatever key somebody has."""
    log = logs[how]
    theirs, pages = account("carl", "sub-carl"), page()
    for row, of in ((theirs, "carl"), (pages, "")):
        enrolment, revocation = (
            named(log, kind, row.approver_id) for kind in ("approver.enrolled", "approver.revoked")
        )
        behind = all_words(log, of)
        assert held([one for one in log if one is not enrolment])[1] == behind
        before = log.index(next(one for one in log if leaf_of(one)["kind"].startswith("proposal.")))
        early = [*log[:before], revocation, *(one for one in log[before:] if one is not revocation)]
        assert held(early)[1] == behind
    mine = named(log, "approver.enrolled", theirs.approver_id)
    of_another = of_row(account("dora", "sub-carl"), mine)
    assert held([of_another if one is mine else one for one in log])[1] == all_words(log, "carl")
    shared = named(log, "approver.enrolled", pages.approver_id)
    assert leaf_of(shared)["facts"]["public_key"] == PAGE.public
    other_key = [with_facts(one, public_key=OTHER_PAGE.public) if one is shared else one for one in log]
    assert held(other_key)[1] == [(shared.seq, "other"), *all_words(log)]


@guarantees("P3.signed", "P3.page_accounts", "P5.tamper_evident")
def test_with_the_key_of_a_person_goes_their_account(logs: Mapping[str, list[AuditRecord]]) -> None:
    """Whoever had both and was revoked says nothing any more by either."""
    log = logs[HOW[1]]
    gone = named(log, "approver.revoked", "carl")
    before = log.index(next(one for one in log if leaf_of(one)["kind"].startswith("proposal.")))
    early = [*log[:before], gone, *(one for one in log[before:] if one is not gone)]
    assert held(early)[1] == all_words(log, "carl")


@guarantees("P3.enrolled", "P5.tamper_evident")
@pytest.mark.parametrize("how", HOW)
def test_who_was_let_in_or_out_by_nobodys_signature_is_told(logs: Mapping[str, list[AuditRecord]], how: str) -> None:
    """Each enrolment and each revocation in its turn, also of what is no key of a person."""
    log = logs[how]
    entered = [one for one in log if leaf_of(one)["kind"] == "approver.enrolled"]
    left = [one for one in log if leaf_of(one)["kind"] == "approver.revoked"]
    assert (len(entered), len(left)) == {HOW[0]: (6, 4), HOW[1]: (11, 9), HOW[2]: (7, 5)}[how]
    for one in (*entered, *left):
        for bent, why in (
            (with_facts(one, signature="0" * 128), "signature"),
            (with_facts(one, "signer"), "other" if one is entered[0] else "not_enrolled"),
            (with_text(one, "text", "[]"), "form"),
            (never_kept(one), "form"),
        ):
            assert held([bent if other is one else other for other in log])[1] == [(one.seq, why)]
    for one in left:
        of_another = with_facts(one, approver="eve")
        assert held([of_another if other is one else other for other in log])[1] == [(one.seq, "other")]


@guarantees("P3.enrolled", "P5.tamper_evident")
@pytest.mark.parametrize("how", HOW[:2])
def test_nobody_is_let_in_on_their_own_word_behind_the_first(logs: Mapping[str, list[AuditRecord]], how: str) -> None:
    """A key of one's own signs one's own enrolment well enough; only the first of all may do that."""
    log, eve = logs[how], Person(id="eve")
    place = named(log, "approver.enrolled", "olaf")
    forged = with_facts(of_row(enrolled(eve, eve), place), approver="eve", public_key=eve.public)
    found = held([forged if one is place else one for one in log])[1]
    assert found[0] == (place.seq, "not_enrolled")
    assert set(found[1:]) == set(all_words(log, "olaf") if how == HOW[0] else ())
