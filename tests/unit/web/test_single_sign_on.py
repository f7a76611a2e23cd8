"""Signing in at a provider: who is let in as whom, what decides nothing, and what takes proving anew who one is."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio

from erp_mcp import administration
from erp_mcp.approval import check, envelope
from erp_mcp.approval.envelope import OidcEnvelope
from erp_mcp.approval.oidc import FRESH
from erp_mcp.approval.requesters import requesters
from erp_mcp.domain.decision import BreakGlass, Terms
from erp_mcp.domain.lifecycle import State
from erp_mcp.web import begun
from erp_mcp.web.held_keys import HELD_FOR
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.web.signing_on import CLIENT_SECRET, ISSUER, Traveller, key_of, with_accounts

ID = "prp_000000000001"
HERE = f"/proposals/{ID}"
TWO = Terms(rule="two", approvers=(), needed=2, self_approval=False, valid_s=14400)


@pytest.fixture(scope="session")
def joined(enrolled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment with accounts at a provider."""
    directory = Path(shutil.copytree(enrolled, tmp_path_factory.mktemp("accounts") / "p"))
    with_accounts(Desk(directory=directory))
    return directory


@pytest.fixture
def desk(joined: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(shutil.copytree(joined, tmp_path / "p")))


@pytest_asyncio.fixture
async def person(desk: Desk) -> AsyncIterator[Traveller]:
    deployment = desk.open()
    made = Traveller.at(deployment)
    yield made
    await made.browser.leave()
    deployment.close()


def state(person: Traveller) -> State:
    return person.browser.deployment.state.proposals.get(ID).state


def refusal(person: Traveller) -> str:
    """Return what the worker finds wrong with what was decided, empty for nothing."""
    deployment = person.browser.deployment
    proposal = deployment.state.proposals.get(ID)
    now, decisions = deployment.clock.wall(), deployment.state.proposals.decisions(ID)
    asked = requesters(proposal.content, (), now)
    return check.refusal_of(proposal, decisions, administration.trusted(deployment), asked, now)


def words(person: Traveller) -> OidcEnvelope:
    (decision,) = person.browser.deployment.state.proposals.decisions(ID)
    found = envelope.opened(decision.envelope)
    assert found is not None
    assert isinstance(found[0], OidcEnvelope)
    return found[0]


def unflagged() -> Any:
    return replace(content().preview, checks=())


async def let_in(person: Traveller) -> bool:
    return (await person.browser.get("/")).status_code == 200


@guarantees("P3.page_accounts", "P3.signed", "P5.tamper_evident")
async def test_who_signs_in_at_the_provider_decides_by_the_pages_key_in_words_that_say_how_they_were_known(
    person: Traveller, desk: Desk
) -> None:
    """The worker believes the page for people enrolled with that account, as the log does: who, by whom and when."""
    desk.propose(preview=unflagged())
    answer = await person.sign_in("cleo")
    assert answer.status_code == 200
    await person.browser.get(HERE)
    assert "Cleo Person" in person.browser.seen.text
    assert "passphrase" not in person.browser.seen.fields[f"{HERE}/approve"]

    await person.browser.send(f"{HERE}/approve", comment="as agreed")

    assert (state(person), refusal(person)) == (State.APPROVED, "")
    said = words(person)
    assert (said.approver_id, said.method, said.sign_in.issuer, said.sign_in.subject) == (
        "cleo", "oidc", ISSUER, "sub-cleo",
    )  # fmt: skip
    assert said.sign_in.amr == ("pwd",)
    assert said.sign_in.session.startswith("page-")
    assert said.public_key == administration.accounts.page_enrolments(person.browser.deployment)[0].public_key
    verified = desk.json("audit", "verify")
    assert (verified["intact"], verified["signatures"]) == (True, 1)


@guarantees("P3.page_accounts")
async def test_whom_the_provider_knows_and_nobody_enrolled_is_told_their_account_and_sees_nothing(
    person: Traveller,
) -> None:
    """An address of mail that looks right is nobody: issuer and subject count, and an approver has to say so."""
    person.provider.change = {"email": "bob@example.com", "email_verified": True, "preferred_username": "bob"}
    answer = await person.sign_in("sub-stranger")

    assert (answer.status_code, "page.not_enrolled" in answer.text, "sub-stranger" in answer.text) == (403, True, True)
    assert not await let_in(person)
    kinds = [json.loads(one.leaf)["kind"] for one in person.browser.deployment.state.audit.read(limit=200)]
    assert "page.sign_in_refused" in kinds
    assert "page.signed_in" not in kinds


@guarantees("P3.page_accounts")
async def test_the_largest_changes_take_a_sign_in_made_for_each_of_them_alone(person: Traveller, desk: Desk) -> None:
    """There is no passphrase to give, so the provider asks who is there, now, for this proposal and no other."""
    desk.propose(preview=unflagged(), risk="W3")
    desk.propose("prp_000000000002", preview=unflagged(), risk="W3")
    await person.sign_in("cleo")
    await person.browser.get("/proposals/prp_000000000002")
    assert "/proposals/prp_000000000002/approve" not in person.browser.seen.forms
    assert (await person.prove("cleo")).status_code == 200

    await person.browser.get(HERE)
    assert f"{HERE}/approve" not in person.browser.seen.forms
    forged = person.browser.office.sessions.form_token(next(iter(person.browser.client.cookies.values())), "x")
    digest = person.browser.deployment.state.proposals.get(ID).digest
    token = person.browser.seen.forms["/oidc/prove"]["token"]
    without = await person.browser.post(f"{HERE}/approve", {"token": token, "digest": digest, "comment": ""})
    assert (without.status_code, state(person), forged != token) == (403, State.AWAITING_APPROVAL, True)

    await person.browser.get(HERE)
    await person.prove("cleo")
    await person.browser.get(HERE)
    await person.browser.send(f"{HERE}/approve")
    assert (state(person), refusal(person), words(person).sign_in.asked_for) == (State.APPROVED, "", ID)


@guarantees("P3.page_accounts", "P3.break_glass")
async def test_to_break_the_glass_takes_a_sign_in_made_for_it_alone(person: Traveller, desk: Desk) -> None:
    """Also of a change that a sign-in of this hour is enough for else."""
    glass = BreakGlass(people=("cleo", "bob"), review_by=("ada",), review_s=3600)
    desk.propose(preview=unflagged(), terms=replace(TWO, approvers=("zoe", "zed"), break_glass=glass))
    await person.sign_in("cleo")
    await person.browser.get(HERE)
    assert f"{HERE}/break-glass" not in person.browser.seen.forms
    await person.prove("cleo")
    await person.browser.get(HERE)
    why = "The line stands still, and nobody of the buyers answers."
    assert (await person.browser.send(f"{HERE}/break-glass", reason=why)).status_code == 303

    said = words(person)
    assert (said.decision, said.method, said.sign_in.asked_for, said.comment) == ("break_glass", "oidc", ID, why)
    assert refusal(person) == "too_few"


@guarantees("P3.page_accounts")
async def test_a_proof_is_good_for_minutes_and_refused_by_page_and_worker_behind_them(
    person: Traveller, desk: Desk
) -> None:
    """Whoever comes by an open browser must not find a large yes prepared."""
    desk.propose(preview=unflagged(), risk="W3")
    await person.sign_in("cleo")
    await person.browser.get(HERE)
    await person.prove("cleo")
    await person.browser.get(HERE)
    form = dict(person.browser.seen.forms[f"{HERE}/approve"])
    person.browser.clock.ahead += FRESH + timedelta(minutes=2)

    answer = await person.browser.post(f"{HERE}/approve", {**form, "comment": ""})

    assert (answer.status_code, state(person)) == (403, State.AWAITING_APPROVAL)
    assert "Sign in once more" in answer.text


@guarantees("P3.page_accounts")
async def test_after_minutes_every_decision_takes_signing_in_again(person: Traveller, desk: Desk) -> None:
    """As long as an open key is held, and no longer."""
    desk.propose(preview=unflagged())
    await person.sign_in("cleo")
    person.browser.clock.ahead += HELD_FOR
    await person.browser.get(HERE)

    assert f"{HERE}/approve" not in person.browser.seen.forms
    assert f"{HERE}/reject" not in person.browser.seen.forms
    await person.prove("cleo")
    await person.browser.get(HERE)
    await person.browser.send(f"{HERE}/reject", reason="not now")
    assert state(person) is State.REJECTED


@guarantees("P3.page_accounts")
async def test_proof_by_another_account_or_from_long_ago_is_worth_nothing(person: Traveller, desk: Desk) -> None:
    """A colleague at the same desk signs in, or the provider asked nobody: neither is proof of this person now."""
    desk.propose(preview=unflagged(), risk="W3")
    await person.sign_in("cleo")
    await person.browser.get(HERE)
    other = await person.prove("bob")
    await person.browser.get(HERE)
    before = int((person.provider.clock.wall() - timedelta(hours=1)).timestamp())
    person.provider.change = {"auth_time": before}
    stale = await person.prove("cleo")

    assert ("other_person" in other.text, "not_recent" in stale.text) == (True, True)
    await person.browser.get(HERE)
    assert f"{HERE}/approve" not in person.browser.seen.forms
    assert state(person) is State.AWAITING_APPROVAL


@guarantees("P3.page_accounts", "P3.separation")
async def test_a_passphrase_and_an_account_of_one_person_are_one_yes(person: Traveller, desk: Desk) -> None:
    """Two ways in are not two people."""
    desk.propose(preview=unflagged(), terms=TWO)
    await person.sign_in("bob")
    await person.browser.get(HERE)
    await person.browser.send(f"{HERE}/approve")
    by_passphrase = person.another().browser
    await by_passphrase.sign_in("bob")
    await by_passphrase.get(HERE)

    assert f"{HERE}/approve" not in by_passphrase.seen.forms
    assert (state(person), refusal(person)) == (State.AWAITING_APPROVAL, "too_few")
    await person.sign_in("cleo")
    await person.browser.get(HERE)
    await person.browser.send(f"{HERE}/approve")
    assert (state(person), refusal(person)) == (State.APPROVED, "")


@guarantees("P3.page_accounts")
async def test_who_has_no_key_can_sign_in_with_no_passphrase(person: Traveller) -> None:
    """An account is enrolled without one, so none may open anything."""
    for passphrase in ("", f"{PASSPHRASE} of cleo", "not the passphrase"):
        assert (await person.browser.sign_in("cleo", passphrase)).status_code == 403


@guarantees("P3.page_accounts")
async def test_whoever_is_revoked_is_out_at_once_and_what_they_said_is_worth_nothing(
    person: Traveller, desk: Desk
) -> None:
    """Account and key end together."""
    desk.propose(preview=unflagged())
    await person.sign_in("bob")
    await person.browser.get(HERE)
    await person.browser.send(f"{HERE}/approve")
    assert refusal(person) == ""
    assert desk.sign("approvals", "revoke", "bob", by="ada").exit_code == 0

    assert not await let_in(person)
    assert refusal(person) == "not_enrolled"
    assert (await person.sign_in("bob")).status_code == 403


@guarantees("P3.page_accounts", "P3.page_sessions")
@pytest.mark.parametrize("issuer", ["", "https://login.elsewhere.example/plant"])
async def test_a_session_ends_with_the_provider_that_it_was_begun_at(person: Traveller, issuer: str) -> None:
    """Whoever takes a provider out of the configuration, or another in its place, has shut out whom it knew."""
    await person.sign_in("cleo")
    assert await let_in(person)
    settings = person.browser.deployment.settings
    assert settings.oidc is not None
    oidc = replace(settings.oidc, issuer=issuer) if issuer else None
    person.browser.deployment.settings = replace(settings, oidc=oidc)

    assert not await let_in(person)


@guarantees("P3.page_accounts")
async def test_a_revoked_page_key_takes_back_all_that_it_signed(person: Traveller, desk: Desk) -> None:
    """Whoever has copied the page's secret is shut out by one command."""
    desk.propose(preview=unflagged())
    await person.sign_in("cleo")
    await person.browser.get(HERE)
    await person.browser.send(f"{HERE}/approve")
    (page,) = administration.accounts.page_enrolments(person.browser.deployment)
    assert desk.sign("approvals", "revoke", page.row_id, by="ada").exit_code == 0

    assert refusal(person) == "not_enrolled"


TAMPERED: dict[str, dict[str, Any]] = {
    "issuer": {"iss": "https://elsewhere.example.com"},
    "audience": {"aud": "another-client"},
    "audience of several without azp": {"aud": ["page", "other"]},
    "nonce": {"nonce": "of another sign-in"},
    "no nonce": {"nonce": None},
    "expired": {"exp": 1_000_000_000},
    "made long ago": {"iat": 1_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "no subject": {"sub": None},
    "subject that is no text": {"sub": ["sub-cleo"]},
    "no auth_time": {"auth_time": None},
}


@guarantees("P3.page_provider", "input.clear_errors")
@pytest.mark.parametrize("what", TAMPERED)
async def test_a_token_that_is_not_for_this_very_request_lets_nobody_in(person: Traveller, what: str) -> None:
    """Each claim that OpenID Connect Core 3.1.3.7 names is held to what we asked for."""
    person.provider.change = TAMPERED[what]
    answer = await person.sign_in("cleo")

    assert (answer.status_code, "page.sign_in_refused" in answer.text) == (403, True)
    assert not await let_in(person)


@guarantees("P3.page_provider", "input.clear_errors")
@pytest.mark.parametrize("how", ["none", "HS256", "other key", "garbled"])
async def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(person: Traveller, how: str) -> None:
    """Without a signature, with one that our own secret or the public key could make, or of somebody else's key."""
    asked = await person.leave_for()
    now = int(person.provider.clock.wall().timestamp())
    claims = {"iss": ISSUER, "aud": "page", "iat": now, "exp": now + 300, "auth_time": now, "sub": "sub-cleo"}
    claims["nonce"] = asked["nonce"]
    forged = {
        "none": jwt.encode(claims, "", algorithm="none"),
        "HS256": jwt.encode(claims, CLIENT_SECRET, algorithm="HS256", headers={"kid": "first"}),
        "other key": jwt.encode(claims, key_of("mallory"), algorithm="RS256", headers={"kid": "first"}),
        "garbled": "not.a.token",
    }
    person.provider.token = forged[how]
    answer = await person.come_back(asked, "sub-cleo")

    assert (answer.status_code, "page.sign_in_refused" in answer.text) == (403, True)
    assert not await let_in(person)


@guarantees("P3.page_provider")
async def test_new_keys_of_the_provider_are_fetched_once_they_are_used(person: Traveller) -> None:
    """Providers change their keys without asking; a key that nobody published stays unknown."""
    await person.sign_in("cleo")
    person.provider.signed_with, person.provider.published = "second", ["first", "second"]
    person.browser.clock.ahead += timedelta(minutes=1)

    assert (await person.sign_in("cleo")).status_code == 200
    person.provider.signed_with = "never published"
    person.browser.clock.ahead += timedelta(minutes=1)
    assert (await person.sign_in("cleo")).status_code == 403


@guarantees("P3.page_provider")
async def test_a_key_that_the_provider_has_withdrawn_lets_nobody_in_after_an_hour(person: Traveller) -> None:
    """A page that runs for months would believe a stolen key for as long."""
    await person.sign_in("cleo")
    person.provider.published = ["second"]
    person.browser.clock.ahead += timedelta(minutes=58)
    assert (await person.sign_in("cleo")).status_code == 200
    person.browser.clock.ahead += timedelta(minutes=3)
    assert (await person.sign_in("cleo")).status_code == 403
    person.provider.signed_with = "second"
    person.browser.clock.ahead += timedelta(minutes=1)
    assert (await person.sign_in("cleo")).status_code == 200


@guarantees("P3.page_provider", "input.clear_errors")
async def test_what_was_not_begun_in_this_browser_is_lost(person: Traveller) -> None:
    """A link with somebody else's code signs nobody in: neither without our cookie, nor with a forged state."""
    asked = await person.leave_for()
    victim = person.another()
    planted = await victim.come_back(asked, "sub-cleo")
    forged = await person.come_back({**asked, "state": "forged"}, "sub-cleo")

    for answer in (planted, forged):
        assert (answer.status_code, "page.sign_in_lost" in answer.text) == (400, True)
    assert not await let_in(victim)
    assert (await person.come_back(asked, "sub-cleo")).status_code == 200


@guarantees("P3.page_provider", "input.clear_errors")
async def test_an_answer_is_taken_once(person: Traveller) -> None:
    """The browser holds nothing more that it would fit, and who kept a copy does not even make us ask the provider."""
    asked = await person.leave_for()
    held = dict(person.browser.client.cookies)
    await person.come_back(asked, "sub-cleo")
    again = await person.browser.get(f"/oidc/callback?code=a-code&state={asked['state']}&iss={ISSUER}")
    thief, before = person.another(), len(person.provider.asked)
    thief.browser.client.cookies.update(held)
    replayed = await thief.browser.get(f"/oidc/callback?code=a-code&state={asked['state']}&iss={ISSUER}")

    assert ("page.sign_in_lost" in again.text, "page.sign_in_lost" in replayed.text) == (True, True)
    assert len(person.provider.asked) == before
    assert not await let_in(thief)


@guarantees("P3.page_provider", "input.clear_errors")
async def test_of_two_tabs_the_newer_one_signs_in_and_the_older_one_says_so(person: Traveller) -> None:
    """A browser holds one beginning; the other tab ends clearly and takes nothing from it."""
    older = await person.leave_for()
    newer = await person.leave_for()
    first = await person.come_back(older, "sub-cleo")

    assert (first.status_code, "page.sign_in_lost" in first.text) == (400, True)
    assert (await person.come_back(newer, "sub-cleo")).status_code == 200


@guarantees("P3.page_provider")
async def test_what_was_begun_is_lost_after_minutes_and_when_it_was_altered(person: Traveller) -> None:
    """The cookie is sealed, and old ones are of no use to who finds one."""
    asked = await person.leave_for()
    ((name, value),) = [(name, value) for name, value in person.browser.client.cookies.items() if "begun" in name]
    raw = bytearray(base64.urlsafe_b64decode(value))
    raw[20] ^= 1
    person.browser.client.cookies.set(name, base64.urlsafe_b64encode(bytes(raw)).decode(), domain="127.0.0.1")
    answer = await person.browser.get(
        f"/oidc/callback?code=x&state={asked['state']}&iss={ISSUER}",
        Cookie=f"{name}={base64.urlsafe_b64encode(bytes(raw)).decode()}",
    )
    assert "page.sign_in_lost" in answer.text
    asked = await person.leave_for()
    person.browser.clock.ahead += begun.LASTS
    assert "page.sign_in_lost" in (await person.come_back(asked, "sub-cleo")).text


@guarantees("P3.page_provider", "input.clear_errors")
@pytest.mark.parametrize("named", ["https://elsewhere.example.com", ""])
async def test_an_answer_in_the_name_of_another_provider_is_refused(person: Traveller, named: str) -> None:
    """Mix-up (RFC 9207): the provider names itself in what it sends, so an answer without a name is none of it."""
    answer = await person.come_back(await person.leave_for(), "sub-cleo", iss=named)

    assert (answer.status_code, "page.sign_in_refused" in answer.text) == (403, True)
    assert person.provider.asked[-1].endswith("openid-configuration")  # the code went nowhere


@guarantees("P3.page_provider", "input.clear_errors")
async def test_who_says_no_at_the_provider_is_told_so(person: Traveller) -> None:
    """The provider's free text is nobody's to show."""
    asked = await person.leave_for()
    told = "error_description=Call+me+at+555"
    answer = await person.browser.get(f"/oidc/callback?error=access_denied&{told}&state={asked['state']}&iss={ISSUER}")

    assert ("access_denied" in answer.text, "555" in answer.text, answer.status_code) == (True, False, 403)


@guarantees("P3.page_provider", "input.clear_errors")
async def test_while_the_provider_is_away_passphrases_still_work(person: Traveller) -> None:
    """Nobody signs in there, and nothing is lost."""
    asked = await person.leave_for()
    person.provider.down = True
    answer = await person.come_back(asked, "sub-cleo")

    assert (answer.status_code, "page.provider_unavailable" in answer.text) == (503, True)
    assert (await person.browser.sign_in("bob")).status_code == 303


@guarantees("P3.page_provider", "P9.bounded")
async def test_a_provider_that_is_away_is_left_alone_for_moments(person: Traveller) -> None:
    """Whoever asks again and again must not keep everybody waiting for its time-out."""
    person.provider.down = True
    for _ in range(3):
        await person.browser.get("/sign-in")
        assert (await person.browser.send("/oidc/begin")).status_code == 503
    assert len(person.provider.asked) == 1
    person.provider.down = False
    person.browser.clock.ahead += timedelta(seconds=5)

    assert (await person.sign_in("cleo")).status_code == 200


@guarantees("P3.page_provider", "input.clear_errors")
@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://elsewhere.example.com"},
        {"token_endpoint": "https://elsewhere.example.com/token"},
        {"jwks_uri": "http://login.example.com/keys"},
        {"authorization_endpoint": None},
    ],
)
async def test_a_provider_that_points_elsewhere_is_not_followed(person: Traveller, says: dict[str, Any]) -> None:
    """Its endpoints lie where the configuration lets them, whatever its document says."""
    person.provider.says = says
    await person.browser.get("/sign-in")
    answer = await person.browser.send("/oidc/begin")

    assert (answer.status_code, "page.provider_unavailable" in answer.text) == (503, True)


@guarantees("P3.page_provider")
async def test_what_leads_there_carries_pkce_state_nonce_and_the_exact_address_back(person: Traveller) -> None:
    """And the browser keeps its part in a cookie that no script and no other site reads."""
    asked = await person.leave_for()

    assert asked["redirect_uri"] == "http://127.0.0.1:8321/oidc/callback"
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == ("code", "S256", "openid")
    assert min(len(asked[one]) for one in ("state", "nonce", "code_challenge")) >= 43
    (cookie,) = [one for one in person.browser.answer.headers.get_list("set-cookie") if "begun" in one]
    assert {"HttpOnly", "SameSite=lax", "Max-Age=600"} <= {part.strip() for part in cookie.split(";")}


@guarantees("P3.page_provider")
async def test_signing_out_ends_the_session_here_and_leads_to_the_end_of_the_one_there(person: Traveller) -> None:
    """Else the next one at this machine would be signed in by a click."""
    await person.sign_in("cleo")
    await person.browser.get("/")
    await person.browser.send("/sign-out")
    asked = person.asked_of_provider()

    assert asked["post_logout_redirect_uri"] == "http://127.0.0.1:8321/sign-in"
    assert asked["id_token_hint"].count(".") == 2
    assert not await let_in(person)


@guarantees("P3.page_forms")
async def test_no_form_of_elsewhere_begins_or_proves_anything(person: Traveller) -> None:
    """Both carry the token of this browser, and proving is for who signed in at the provider."""
    await person.browser.get("/sign-in")
    assert (await person.browser.post("/oidc/begin", {"token": "0" * 64})).status_code == 403
    await person.browser.sign_in("bob")
    await person.browser.get("/")
    token = person.browser.office.sessions.form_token(next(iter(person.browser.client.cookies.values())), "/oidc/prove")
    assert (await person.browser.post("/oidc/prove", {"token": token, "for": ID})).status_code == 403
