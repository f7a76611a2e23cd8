"""People whom a provider knows: whose enrolment counts, and what of the page's word is believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.approval import check, oidc, registry, resolution, taint
from erp_mcp.approval.envelope import Envelope, OidcEnvelope, meaning_of
from erp_mcp.approval.oidc import OidcEnrolment, PageEnrolment
from erp_mcp.approval.resolution import OidcResolution
from erp_mcp.approval.taint import OidcClearing
from erp_mcp.domain.approver import Approver, Enrolment, OidcApprover, Signed, SignIn
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Proposal, SignedDecision, SignedResolution
from erp_mcp.domain.taint import OutsiderText
from erp_mcp.errors import RegistryDamagedError
from tests.guarantees import guarantees
from tests.unit.approval.people import (
    BOB,
    DEPLOYMENT,
    EVE,
    NOW,
    ROOT,
    Person,
    at,
    content,
    enrolled,
    proposal,
    revoked,
    signed,
)

PAGE = Person(id="page-key")
OTHER_PAGE = Person(id="another-page-key")
ISSUER = "https://login.example.com"
KNOWN = SignIn(
    issuer=ISSUER,
    subject="sub-cleo",
    session="s1",
    authenticated_at=at(minutes=-12),
    acr="",
    amr=("pwd",),
    asked_for="prp_000000000001",
)


def account(person: str, subject: str, by: Person = ROOT, **other: str) -> Approver:
    """Return the enrolment of an account, signed by somebody."""
    told = {"name": person, "issuer": ISSUER, "deployment": DEPLOYMENT, "enrolled_at": at(days=-8), **other}
    made = OidcEnrolment(approver_id=person, subject=subject, enrolled_by=by.id, **told)
    text, message = oidc.oidc_message(made)
    row = Approver(approver_id=made.row_id, enrolment=Signed(text=text, signer=by.id, signature=""), sealed_key="")
    return replace(row, enrolment=replace(row.enrolment, signature=by.sign(message)), account=made.identity)


def page(key: Person = PAGE, by: Person = ROOT) -> Approver:
    """Return the enrolment of a page's key."""
    made = PageEnrolment(
        deployment=DEPLOYMENT, page="page", public_key=key.public, enrolled_by=by.id, enrolled_at=at(days=-8)
    )
    text, message = oidc.page_message(made)
    stored = Signed(text=text, signer=by.id, signature=by.sign(message))
    return Approver(approver_id=made.row_id, enrolment=stored, sealed_key="{}")


def ended(row: Approver, by: Person = ROOT) -> Approver:
    """Return a row with its revocation."""
    found = registry.opened(row)
    assert found is not None
    assert not isinstance(found[0], Enrolment)
    words = registry.Revocation(
        deployment=DEPLOYMENT,
        approver_id=row.approver_id,
        public_key=found[0].identity,
        revoked_by=by.id,
        revoked_at=at(days=-1),
        keeps=(),
    )
    text, message = registry.revocation_message(words)
    return replace(row, revocation=Signed(text=text, signer=by.id, signature=by.sign(message)))


ROWS = (enrolled(ROOT, ROOT), enrolled(BOB, ROOT), page(), account("cleo", "sub-cleo"))


def trusted(*rows: Approver) -> dict[str, Enrolment]:
    return dict(registry.trusted(rows or ROWS, ROOT.public, DEPLOYMENT))


def words(of: Proposal, **other: object) -> OidcEnvelope:
    told: dict[str, object] = {
        "deployment": DEPLOYMENT,
        "proposal_id": of.content.proposal_id,
        "digest": of.digest,
        "decision": "approve",
        "meaning": meaning_of("approve", by_self_approval=False),
        "approver_id": "cleo",
        "approver_name": "cleo",
        "public_key": PAGE.public,
        "method": "oidc",
        "decided_at": at(minutes=-10),
        "nonce": "0" * 32,
        "comment": "",
        "sign_in": KNOWN,
    }
    return OidcEnvelope(**{**told, **other})  # type: ignore[arg-type]  # each is of its field's type


def refusal(said: Envelope, of: Proposal, by: Person = PAGE, rows: tuple[Approver, ...] = ROWS) -> str:
    row: SignedDecision = signed(said, by)
    return check.refusal_of(of, [row], trusted(*rows), frozenset(), NOW)


def anybodys(risk: str = "W2") -> Proposal:
    one = content(risk=risk)
    return proposal(replace(one, terms=replace(one.terms, approvers=())))


@guarantees("P3.page_accounts")
def test_the_pages_word_for_somebody_enrolled_counts() -> None:
    """Both directions: the same words by a key that is no page's are worth nothing."""
    of = anybodys()
    assert refusal(words(of), of) == ""
    assert refusal(words(of), of, by=OTHER_PAGE) == "signature"
    assert refusal(words(of, public_key=OTHER_PAGE.public), of, by=OTHER_PAGE) == "not_enrolled"


FORGED: dict[str, dict[str, object]] = {
    "another issuer": {"sign_in": replace(KNOWN, issuer="https://elsewhere.example.com")},
    "another account": {"sign_in": replace(KNOWN, subject="sub-else")},
    "no account": {"sign_in": replace(KNOWN, subject="")},
    "a person with a key alone": {"approver_id": "bob", "approver_name": "Bob Buyer"},
    "the first approver": {"approver_id": "ada", "approver_name": "Ada Admin"},
    "another name": {"approver_name": "Cleo Else"},
    "half a day ago": {"sign_in": replace(KNOWN, authenticated_at=at(hours=-13))},
    "later than the decision": {"sign_in": replace(KNOWN, authenticated_at=at(minutes=-5))},
    "no time": {"sign_in": replace(KNOWN, authenticated_at="soon")},
    "another method": {"method": "passphrase"},
    "the person's own empty key": {"public_key": ""},
}


@guarantees("P3.page_accounts", "P3.signed")
@pytest.mark.parametrize("what", FORGED)
def test_the_page_speaks_for_the_account_that_was_enrolled_and_nobody_else(what: str) -> None:
    """A page that was taken over can't decide for people with keys, nor for accounts that nobody enrolled."""
    of = anybodys()

    assert refusal(words(of, **FORGED[what]), of) != ""


@guarantees("P3.page_accounts")
def test_a_large_change_counts_only_with_a_proof_for_it_minutes_before() -> None:
    """The worker holds the page to that, whatever the page says."""
    of = anybodys(risk="W3")
    at_sign_in, elsewhere = replace(KNOWN, asked_for=""), replace(KNOWN, asked_for="prp_000000000002")
    late = replace(KNOWN, authenticated_at=at(minutes=-17))

    assert refusal(words(of), of) == ""
    for known in (at_sign_in, elsewhere, late):
        assert refusal(words(of, sign_in=known), of) == "envelope"
        small = anybodys()
        assert refusal(words(small, sign_in=known), small) == ""


@guarantees("P3.page_accounts")
def test_somebody_with_a_key_and_an_account_is_one_person_who_may_sign_either_way() -> None:
    """The name is that of the key's enrolment; the account adds a way in and no person."""
    rows = (*ROWS, account("bob", "sub-bob", name="Bob Buyer"))
    known = trusted(*rows)["bob"]
    assert isinstance(known, OidcApprover)
    assert (known.public_key, known.subjects, len(trusted(*rows))) == (BOB.public, ((ISSUER, "sub-bob"),), 3)

    of = anybodys()
    said = words(of, approver_id="bob", approver_name="Bob Buyer", sign_in=replace(KNOWN, subject="sub-bob"))
    assert refusal(said, of, rows=rows) == ""


@guarantees("P3.page_accounts", "P3.enrolled")
@pytest.mark.parametrize(
    "rows",
    [
        (account("cleo", "sub-cleo", by=EVE),),
        (page(by=EVE),),
        (account("cleo", "sub-cleo", by=Person(id="cleo")),),
        (page(), account("cleo", "sub-1"), account("c-leo", "sub-2")),
        (account("b-ob", "sub-1"),),
        (account("cleo", "sub-1"), account("dora", "sub-1")),
        (page(key=BOB),),
        (replace(account("cleo", "sub-cleo"), approver_id="dora"),),
        (replace(account("cleo", "sub-cleo"), approver_id="oidc:000000000000000000000000"),),
        (account("cleo", "sub-cleo", deployment="other"),),
    ],
)
def test_rows_that_nobody_enrolled_signed_or_that_make_two_of_one_break_the_registry(
    rows: tuple[Approver, ...],
) -> None:
    """What is forged in the database is worth nothing, and is not passed over."""
    with pytest.raises(RegistryDamagedError):
        trusted(enrolled(ROOT, ROOT), enrolled(BOB, ROOT), *rows)


@guarantees("P3.page_accounts", "P3.enrolled")
def test_neither_page_nor_account_can_enrol_anybody() -> None:
    """The chain is of people's own keys."""
    by_page = account("dora", "sub-dora", by=Person(id="page-key"))
    by_cleo = enrolled(EVE, Person(id="cleo"))
    for row in (by_page, by_cleo):
        with pytest.raises(RegistryDamagedError):
            trusted(*ROWS, row)


@guarantees("P3.page_accounts")
def test_a_revoked_account_page_or_person_counts_no_more() -> None:
    """Whichever of the three ends; whoever was enrolled by somebody revoked later stays only where that was kept."""
    of = anybodys()
    key, bob, one, cleo = ROWS
    assert refusal(words(of), of, rows=(key, bob, one, ended(cleo))) == "not_enrolled"
    assert refusal(words(of), of, rows=(key, bob, ended(one), cleo)) == "not_enrolled"
    gone = revoked(enrolled(BOB, ROOT), BOB, ROOT)
    assert "bob" not in trusted(key, gone, one, account("bob", "sub-bob"))
    by_bob = account("dora", "sub-dora", by=BOB)
    assert "dora" not in trusted(key, gone, one, by_bob)
    kept = revoked(enrolled(BOB, ROOT), BOB, ROOT, keeps=registry.enrolled_by([by_bob], "bob"))
    assert "dora" in trusted(key, kept, one, by_bob)


@guarantees("P3.page_accounts", "P4.resolved")
def test_a_statement_of_what_became_of_a_change_takes_a_proof_for_it() -> None:
    """It ends what nobody knows, so it is held to as much as a large yes."""
    of = anybodys()
    said = OidcResolution(
        deployment=DEPLOYMENT,
        proposal_id=of.content.proposal_id,
        digest=of.digest,
        verdict="not_applied",
        meaning=resolution.meaning_of("not_applied"),
        document="",
        key="",
        version_token="",
        reason="looked",
        approver_id="cleo",
        approver_name="cleo",
        public_key=PAGE.public,
        resolved_at=at(minutes=-10),
        nonce="1" * 32,
        sign_in=KNOWN,
    )

    def judged(words: OidcResolution) -> str:
        text, message = resolution.message(words)
        row = SignedResolution(
            proposal_id=words.proposal_id,
            approver_id=words.approver_id,
            verdict="not_applied",
            statement=text,
            signature=PAGE.sign(message),
            nonce=words.nonce,
            resolved_at=words.resolved_at,
        )
        return resolution.refusal_of(of, row, trusted(), frozenset())

    assert judged(said) == ""
    assert judged(replace(said, sign_in=replace(KNOWN, asked_for=""))) == "envelope"
    assert judged(replace(said, sign_in=replace(KNOWN, subject="sub-else"))) == "not_enrolled"


@guarantees("P3.page_accounts", "P3.taint")
def test_a_word_about_what_an_agent_read_takes_a_proof_for_that_agent() -> None:
    """Clearing takes a person away from what it guards."""
    read = OutsiderText(agent="planner", read_at=at(hours=-1), fields=("notes.text",))
    principal = Principal(agent="planner", owner="olga", role="buyer")
    said = OidcClearing(
        deployment=DEPLOYMENT,
        agent="planner",
        read_at=read.read_at,
        fields=read.fields,
        reason="a supplier's delivery note",
        approver_id="cleo",
        approver_name="cleo",
        public_key=PAGE.public,
        cleared_at=at(minutes=-10),
        nonce="2" * 32,
        sign_in=replace(KNOWN, asked_for=taint.asked_for("planner")),
    )

    def judged(words: OidcClearing) -> bool:
        text, message = taint.message(words)
        stored = Signed(text=text, signer="cleo", signature=PAGE.sign(message))
        return taint.is_cleared(read, [stored], trusted(), principal, DEPLOYMENT)

    assert judged(said)
    assert not judged(replace(said, sign_in=KNOWN))
    assert not judged(replace(said, sign_in=replace(said.sign_in, subject="sub-else")))
