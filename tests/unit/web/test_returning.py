"""What strangers cost who come back from the provider again and again: so many requests a minute, and few records."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
import pytest_asyncio
from click.testing import CliRunner

from erp_mcp.bootstrap import Deployment, TimeOrderedIds
from erp_mcp.cli.app import main
from erp_mcp.domain.page_session import FORGOTTEN_AFTER, FailedTries
from erp_mcp.errors import BadPassphraseError, SignInLostError, TooManySignInsError, TooManyTriesError
from erp_mcp.testing import FixedClock
from erp_mcp.web.begun import LASTS
from erp_mcp.web.returning import IN_ALL, PER_CLIENT, WINDOW, Returns, client_of
from erp_mcp.web.tries import FREE, Tries
from tests.faults.plant import DrivenClock
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import Browser
from tests.unit.web.signing_on import Traveller, with_accounts

ID = "prp_000000000001"


@pytest.fixture(scope="session")
def joined(enrolled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment with accounts at a provider."""
    directory = Path(copytree(enrolled, tmp_path_factory.mktemp("returns") / "p"))
    with_accounts(Desk(directory=directory))
    return directory


@pytest.fixture
def desk(joined: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(copytree(joined, tmp_path / "p")))


@pytest_asyncio.fixture
async def person(desk: Desk) -> AsyncIterator[Traveller]:
    """Somebody behind a proxy that says who asks."""
    deployment = desk.open()
    made = Traveller.at(deployment)
    await made.browser.leave()
    office = replace(made.browser.office, client_header="X-Real-IP")
    clock = made.browser.clock
    made.browser = Browser(deployment=deployment, clock=clock, office=office, client=Browser.profile(office))
    yield made
    await made.browser.leave()
    deployment.close()


def tokens(person: Traveller) -> int:
    """Return how often the provider was asked for a token."""
    return sum(one.endswith("/token") for one in person.provider.asked)


def refusals(person: Traveller) -> list[tuple[str, int]]:
    """Return reason and count of each record of a refusal."""
    leaves = [json.loads(one.leaf) for one in person.browser.deployment.state.audit.read(limit=1000)]
    facts = [one["facts"] for one in leaves if one["kind"] == "page.sign_in_refused"]
    return [(one["reason"] or one["code"], one["count"]) for one in facts]


async def in_vain(person: Traveller, times: int, client: str) -> list[int]:
    """Come back so many times with a code that the provider does not know, from a client."""
    person.browser.client.headers["x-real-ip"] = client
    told = []
    for _ in range(times):
        asked = await person.leave_for()
        told.append((await person.come_back(asked, "sub-cleo", code="guessed")).status_code)
    return told


@guarantees("P3.page_provider", "P9.bounded", "input.clear_errors")
async def test_one_client_makes_us_ask_the_provider_so_often_a_minute_and_no_more(person: Traveller) -> None:
    """The others are let in meanwhile, and so is that one when the minute is over."""
    assert await in_vain(person, PER_CLIENT, "203.0.113.9") == [403] * PER_CLIENT
    asked = await person.leave_for()
    slow = await person.come_back(asked, "sub-cleo")

    assert (slow.status_code, "page.too_many_sign_ins" in slow.text) == (429, True)
    assert 1 <= int(slow.headers["retry-after"]) <= WINDOW.total_seconds() + 1
    assert tokens(person) == PER_CLIENT
    other = person.another()
    other.browser.client.headers["x-real-ip"] = "203.0.113.10"
    assert (await other.sign_in("cleo")).status_code == 200
    person.browser.clock.ahead += WINDOW
    assert (await person.come_back(asked, "sub-cleo")).status_code == 200  # the one that was turned away is still good


@guarantees("P3.page_provider", "P9.bounded")
async def test_many_clients_together_are_bounded_too(person: Traveller) -> None:
    """Addresses are easily had; a passphrase still opens the door."""
    for number in range(IN_ALL // PER_CLIENT):
        assert await in_vain(person, PER_CLIENT, f"203.0.113.{number}") == [403] * PER_CLIENT
    assert await in_vain(person, 2, "198.51.100.1") == [429, 429]

    assert tokens(person) == IN_ALL
    assert (await person.browser.sign_in("bob")).status_code == 303


@guarantees("P3.page_provider", "P9.bounded")
async def test_who_is_let_in_is_counted_no_longer_and_who_is_signed_in_never(person: Traveller, desk: Desk) -> None:
    """A shift that begins, or somebody with many large decisions, is no attack."""
    desk.propose(preview=replace(content().preview, checks=()), risk="W3")
    person.browser.client.headers["x-real-ip"] = "203.0.113.9"
    for _ in range(PER_CLIENT + 2):
        assert (await person.sign_in("cleo")).status_code == 200
    stranger = person.another()
    assert await in_vain(stranger, PER_CLIENT + 1, "203.0.113.9") == [*[403] * PER_CLIENT, 429]

    await person.browser.get(f"/proposals/{ID}")
    assert (await person.prove("cleo")).status_code == 200


@guarantees("P3.page_provider", "P5.every_decision", "P9.bounded")
async def test_refused_sign_ins_are_recorded_by_the_minute_and_none_is_lost(person: Traveller) -> None:
    """A stranger must not be able to fill the log, nor to hide among those who are not counted."""
    sessions = person.browser.deployment.state.page_sessions
    assert await in_vain(person, PER_CLIENT, "203.0.113.9") == [403] * PER_CLIENT
    assert refusals(person) == [("invalid_grant", 1)]
    sessions.tell_refusals()
    assert refusals(person) == [("invalid_grant", 1)]  # the minute is not over
    assert (await person.sign_in("sub-stranger")).status_code == 429

    person.browser.clock.ahead += WINDOW
    assert await in_vain(person, 3, "203.0.113.9") == [403] * 3
    assert refusals(person) == [("invalid_grant", 1), ("invalid_grant", PER_CLIENT)]
    assert (await person.sign_in("sub-stranger")).status_code == 403
    person.browser.clock.ahead += WINDOW
    sessions.tell_refusals()
    sessions.tell_refusals()

    told = refusals(person)
    assert told[2:] == [("page.not_enrolled", 1), ("invalid_grant", 2)]
    assert sum(count for _, count in told) == PER_CLIENT + 3 + 1


def kept_of(desk: Desk) -> int:
    """Return how much is remembered of returns."""
    with closing(sqlite3.connect(desk.directory / "state" / "state.sqlite")) as database:
        return int(database.execute("SELECT COUNT(*) FROM page_try WHERE name LIKE '(came back%'").fetchone()[0])


@guarantees("P3.page_provider", "P9.bounded")
def test_what_is_remembered_is_counted_for_all_processes_of_the_page_and_forgotten(desk: Desk) -> None:
    """A sign-in that was begun is good for one return, for as long as it could be used at all, wherever it comes to."""
    clock = DrivenClock()
    pages = [Deployment(settings=desk.open().settings, clock=clock, ids=TimeOrderedIds()) for _ in range(2)]
    one, other = [Returns(page.state.page_sessions, clock) for page in pages]
    one.give_back(one.take("a", "state-0", known=False))
    for again in (one, other):
        with pytest.raises(SignInLostError):
            again.take("b", "state-0", known=True)
    assert kept_of(desk) == 1
    for number in range(PER_CLIENT):
        (one, other)[number % 2].take("a", f"counted-{number}", known=False)
    for full in (one, other):
        with pytest.raises(TooManySignInsError) as slow:
            full.take("a", "one-more", known=False)
        assert slow.value.facts == {"retry_after_s": 61}
    other.take("a", "of somebody who is signed in", known=True)
    other.take("ab", "of another client", known=False)
    other.take("", "of a client that has no address", known=False)
    clock.pass_by(WINDOW.total_seconds())
    other.take("a", "one-more", known=False)
    clock.pass_by(LASTS.total_seconds())
    other.take("a", "one-more", known=False)
    assert kept_of(desk) == 2
    for page in pages:
        page.close()


@guarantees("P3.page_provider", "P9.bounded")
def test_failures_that_two_processes_see_at_once_are_both_counted(desk: Desk) -> None:
    """Both had seen the same number before; an old one counts no longer."""
    clock = DrivenClock()
    page = Deployment(settings=desk.open().settings, clock=clock, ids=TimeOrderedIds())
    kept = page.state.page_sessions
    for seen in (0, 0, 1, 1):
        kept.failed("ada", failures=seen + 1, code="approval.bad_passphrase")
    assert kept.tries("ada").failures == 4
    clock.pass_by(FORGOTTEN_AFTER.total_seconds())
    kept.failed("ada", failures=1, code="approval.bad_passphrase")
    assert kept.tries("ada").failures == 1
    page.close()


@guarantees("P3.page_forms", "P9.bounded")
@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9/32"),
        ("::1", [" 203.0.113.9 "], "203.0.113.9/32"),
        ("127.0.0.1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "127.0.0.1"),
        ("127.0.0.1", ["x" * 9_000], "127.0.0.1"),
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),
        ("", ["203.0.113.9"], ""),
    ],
)
def test_only_a_proxy_of_this_machine_is_believed_who_asks(peer: str, told: list[str], client: str) -> None:
    """Else everybody would say to be somebody else, each time."""
    assert client_of(peer, told) == client


class _Kept:
    """Failures in memory."""

    def __init__(self) -> None:
        self.failures = 0
        self.tried = 0

    def wrong(self) -> None:
        self.tried += 1
        raise BadPassphraseError

    def tries(self, name: str) -> FailedTries:
        return FailedTries(failures=self.failures, last_at="2026-03-16T05:00:00Z") if self.failures else FailedTries()

    def failed(self, name: str, *, failures: int, code: str) -> None:
        self.failures = failures

    def forgive(self, name: str) -> None:
        self.failures = 0


@guarantees("P3.page_sessions", "P9.bounded")
def test_passphrases_that_are_tried_all_at_once_are_counted_each() -> None:
    """Else a hundred guesses would count as one, and the wait would never come."""
    kept, slow = _Kept(), []
    tries, start = Tries(kept, FixedClock()), threading.Barrier(12)

    def guess() -> None:
        start.wait()
        with contextlib.suppress(BadPassphraseError):
            try:
                with tries.one("bob"):
                    kept.wrong()
            except TooManyTriesError:
                slow.append(1)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert (kept.tried, kept.failures, len(slow)) == (FREE, FREE, 12 - FREE)


@guarantees("P3.page_sessions", "P9.bounded")
def test_a_second_passphrase_of_a_name_is_tried_when_the_first_one_is_counted() -> None:
    """Whoever is looked at beside another one would be looked at as if that one had not failed."""
    kept, entered = _Kept(), threading.Event()
    tries = Tries(kept, FixedClock())

    def beside() -> None:
        with contextlib.suppress(BadPassphraseError), tries.one("bob"):
            entered.set()
            kept.wrong()

    thread = threading.Thread(target=beside)
    with contextlib.suppress(BadPassphraseError), tries.one("bob"):
        thread.start()
        came_in = entered.wait(1.0)  # a slow machine would only miss that it did
        kept.wrong()
    thread.join()

    assert (came_in, kept.tried, kept.failures) == (False, 2, 2)


@guarantees("P3.page_forms", "input.clear_errors")
@pytest.mark.parametrize(
    "words",
    [
        ("--client-header", "X-Real-IP"),
        ("--client-header", "X Real", "--public-url", "https://approvals.example"),
        ("--client-header", "X-Real-IP: 1", "--public-url", "https://approvals.example"),
    ],
)
def test_the_header_of_a_proxy_is_named_where_there_is_a_proxy_and_by_its_name_alone(words: tuple[str, ...]) -> None:
    """Without a proxy whoever asks would say who asks."""
    told = CliRunner().invoke(main, ["web", *words])

    assert (told.exit_code, "--client-header takes the name of one header" in told.output) == (2, True)
