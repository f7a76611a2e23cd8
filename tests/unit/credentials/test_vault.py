"""Secrets from a vault: how often it is asked, what it may answer, and what becomes of what it gave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from erp_mcp.credentials import account_of
from erp_mcp.credentials.settings import VaultAuth, VaultSettings
from erp_mcp.credentials.sources import open_vault, secret_source
from erp_mcp.credentials.vault import Vault
from erp_mcp.errors import ConfigurationError, SecretUnavailableError
from erp_mcp.ports import SecretSource
from tests.guarantees import guarantees
from tests.moments import Ticks, settled, still
from tests.unit.credentials.fake_vault import SECRET_ID, FakeVault
from tests.unit.credentials.service import Service


@dataclass
class Opened:
    """A vault that runs, as we see it."""

    fake: FakeVault
    service: Service
    vault: Vault
    ticks: Ticks
    root: Path

    def source(self, reference: str) -> SecretSource:
        """Return a source of it."""
        return secret_source(reference, root=self.root, vault=self.vault, timing=still(self.ticks))


@asynccontextmanager
async def opened(root: Path, *, refresh_s: int = 300, stale_s: int = 3600) -> AsyncIterator[Opened]:
    """Yield a running vault that an AppRole signs in to."""
    path = root / "secret-id"
    path.touch(mode=0o600)
    path.write_text(SECRET_ID, encoding="utf-8")
    fake, ticks = FakeVault(), Ticks()
    async with Service(fake) as service:
        settings = VaultSettings(
            url=service.url,
            auth=VaultAuth(kind="approle", role_id="role-1", secret_id="file:secret-id"),
            refresh_s=refresh_s,
            stale_s=stale_s,
        )
        yield Opened(fake, service, open_vault(settings, root=root, timing=still(ticks)), ticks, root)


@pytest.mark.parametrize("reference", ["vault:kv/erp#password", "vault:old/erp#password"])
@guarantees("P9.one_sign_in")
async def test_fifty_who_ask_at_once_are_one_sign_in_and_one_look(tmp_path: Path, reference: str) -> None:
    """Sign-in, which version the store has, the secret: three requests, then none until it is due."""
    async with opened(tmp_path) as one:
        source = one.source(reference)

        assert set(await asyncio.gather(*(source.current() for _ in range(50)))) == {"canary-password"}
        assert len(one.fake.calls) == 3
        one.ticks.now += 79  # the token is due at 80
        await source.current()
        assert len(one.fake.calls) == 3


@guarantees("identity.as_told")
async def test_the_vault_is_asked_with_token_and_mark(tmp_path: Path) -> None:
    """`X-Vault-Request` is what a vault's agents insist on; the namespace goes only where there is one."""
    async with opened(tmp_path) as one:
        await one.source("vault:kv/erp#password").current()
        headers = one.service.asked[-1].headers

    assert headers["x-vault-token"] == "canary-token-1"
    assert headers["x-vault-request"] == "true"
    assert "x-vault-namespace" not in headers


@guarantees("P10.rotation")
async def test_a_new_version_is_used_when_the_old_one_is_due_and_at_once_after_a_refusal(tmp_path: Path) -> None:
    """Within `refresh_s` nobody need be refused for it; a refusal shortens the wait."""
    async with opened(tmp_path) as one:
        source = one.source("vault:kv/erp#password")
        await source.current()
        one.fake.password = "second"
        assert await source.after_refusal("canary-password") == "second"
        one.fake.password = "third"
        one.ticks.now += 241
        await source.current()
        await settled()

        assert await source.current() == "third"


@guarantees("P9.one_sign_in")
async def test_a_secret_that_stays_wrong_does_not_make_a_storm(tmp_path: Path) -> None:
    """The system refuses what the vault has: the vault is asked once in ten seconds, not at each refusal."""
    async with opened(tmp_path) as one:
        source = one.source("vault:kv/erp#password")
        secret = await source.current()
        before = len(one.fake.calls)
        for _ in range(20):
            assert await source.after_refusal(secret) == secret

        assert len(one.fake.calls) == before + 1


@guarantees("P10.bridged")
@pytest.mark.parametrize("status", [429, 473, 500, 502, 503])
async def test_a_vault_that_is_sealed_or_down_is_bridged_to_the_end_of_stale_s(tmp_path: Path, status: int) -> None:
    """What is there is used on; what is not there says why, and comes back with the vault."""
    async with opened(tmp_path, refresh_s=100, stale_s=50) as one:
        source = one.source("vault:kv/erp#password")
        await source.current()
        one.fake.status = status
        one.ticks.now += 149
        assert await source.current() == "canary-password"
        await settled()
        one.ticks.now += 2
        with pytest.raises(SecretUnavailableError) as away:
            await source.current()
        one.fake.status = 0
        one.ticks.now += 120

        assert await source.current() == "canary-password"
        assert away.value.facts["kept"] == "vault"
        assert "canary" not in str(away.value)


@guarantees("P8.secrets_stay", "P9.bounded")
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>canary</html>",
        b"[1]",
        b'{"auth": 7}',
        b'{"auth": {"client_token": "canary\\r\\nX: y"}}',
        b"\xff",
        b"[" * 99_999,
    ],
)
async def test_an_answer_that_is_none_of_a_vault_is_not_used(tmp_path: Path, raw: bytes) -> None:
    """A proxy's page, another service on the port: a clear refusal that repeats nothing."""
    async with opened(tmp_path) as one:
        one.fake.raw = raw
        with pytest.raises((SecretUnavailableError, ConfigurationError)) as refused:
            await one.source("vault:kv/erp#password").current()

    assert "canary" not in str(refused.value)


@guarantees("P8.secrets_stay", "input.clear_errors")
@pytest.mark.parametrize(
    ("reference", "password", "says"),
    [
        ("vault:kv/erp#word", "p", "no text field word"),
        ("vault:kv/erp#password", 7, "no text field password"),
        ("vault:kv/erp#password", {"canary": 1}, "no text field password"),
        ("vault:kv/erp#password", "", "no text field password"),
        ("vault:kv/nothing#password", "p", "nothing at kv/nothing"),
        ("vault:forbidden/erp#password", "p", "does not let this account"),
        ("vault-db:stranger", "p", "makes no user"),
    ],
)
async def test_what_is_not_there_is_named_by_its_place(
    tmp_path: Path, reference: str, password: object, says: str
) -> None:
    """Nothing is bridged then: what was withdrawn is used no longer."""
    async with opened(tmp_path) as one:
        one.fake.password = password
        with pytest.raises(ConfigurationError) as refused:
            await one.source(reference).current()

    assert says in str(refused.value)
    assert "canary" not in str(refused.value)


@guarantees("P10.rotation")
async def test_a_token_is_renewed_while_it_can_be_and_replaced_before_its_last_end(tmp_path: Path) -> None:
    """Renewal keeps what was made under the token; a token that can't live longer is given up in time."""
    async with opened(tmp_path) as one:
        first = await one.vault.token()
        for _ in range(3):
            one.ticks.now += 85
            await one.vault.token()
            await settled()
        assert (await one.vault.token()).serial == first.serial
        assert one.fake.calls.count("auth/approle/login") == 1
        one.fake.renews_for = 20  # of a hundred: its last end is near
        one.ticks.now += 85
        await one.vault.token()
        await settled()

        assert (await one.vault.token()).serial == first.serial + 1


@guarantees("P10.rotation")
async def test_a_token_that_the_vault_forgot_is_replaced_and_the_question_asked_again(tmp_path: Path) -> None:
    """A vault that was restored from a backup, or an administrator who revoked everything."""
    async with opened(tmp_path) as one:
        source = one.source("vault:kv/erp#password")
        await source.current()
        one.fake.tokens.clear()
        one.fake.tokens["somebody else's"] = 1
        one.fake.password = "second"

        assert await source.after_refusal("canary-password") == "second"
        assert one.fake.calls.count("auth/approle/login") == 2


@guarantees("P8.secrets_stay")
async def test_a_sign_in_that_is_refused_says_so_without_what_was_shown(tmp_path: Path) -> None:
    """Nobody is helped by the secret id in a log."""
    async with opened(tmp_path) as one:
        one.fake.secret_id = "another"
        with pytest.raises(ConfigurationError) as refused:
            await one.vault.token()

    assert "refuses the sign-in (approle)" in str(refused.value)
    assert "canary" not in f"{refused.value}{one.vault!r}{one.vault.settings!r}"


@guarantees("P10.rotation")
async def test_a_user_of_the_database_is_kept_by_renewal_and_replaced_when_that_ends(tmp_path: Path) -> None:
    """One user for hours, while the vault lets it; then another one, before the first is gone."""
    async with opened(tmp_path) as one:
        one.fake.token_s = 10_000
        source = one.source("vault-db:reader")
        assert account_of("", await source.current()) == "v-user-1"
        for _ in range(3):
            one.ticks.now += 50
            await source.current()
            await settled()
        assert account_of("", await source.current()) == "v-user-1"
        one.fake.renews_for = 10
        one.ticks.now += 50
        await source.current()
        await settled()

        assert account_of("", await source.current()) == "v-user-2"


@guarantees("P10.rotation")
async def test_a_user_that_may_not_be_renewed_is_replaced_before_its_end(tmp_path: Path) -> None:
    """A policy without `sys/leases/renew` costs users, not reads."""
    async with opened(tmp_path) as one:
        one.fake.token_s, one.fake.forbids_renewal = 10_000, True
        source = one.source("vault-db:reader")
        await source.current()
        one.ticks.now += 50
        await source.current()
        await settled()

        assert account_of("", await source.current()) == "v-user-2"


@guarantees("P10.bridged")
async def test_a_user_is_never_used_beyond_its_lease(tmp_path: Path) -> None:
    """The database has dropped it: a stale one would only be refused, and count as an attack."""
    async with opened(tmp_path) as one:
        one.fake.token_s = 10_000
        source = one.source("vault-db:reader")
        await source.current()
        one.fake.status = 503
        one.ticks.now += 59
        await source.current()
        await settled()
        one.ticks.now += 2

        with pytest.raises(SecretUnavailableError):
            await source.current()


@guarantees("P10.rotation")
async def test_a_refused_user_is_replaced_and_one_made_under_an_old_token_too(tmp_path: Path) -> None:
    """Leases end with the token that they were made under, whatever they say themselves."""
    async with opened(tmp_path) as one:
        source = one.source("vault-db:reader")
        first = await source.current()
        assert account_of("", await source.after_refusal(first)) == "v-user-2"
        one.fake.lease_s = 10_000
        await source.after_refusal("canary-pw-2")
        one.ticks.now += 101  # the token has run out meanwhile
        one.fake.tokens = {"somebody else's": 1}

        assert account_of("", await source.current()) == "v-user-4"


@guarantees("identity.as_told")
async def test_a_token_may_be_given_instead_of_an_approle(tmp_path: Path) -> None:
    """It is looked up first: how long it lives, and whether it can be renewed."""
    async with opened(tmp_path) as one:
        path = one.root / "token"
        path.touch(mode=0o600)
        path.write_text("given", encoding="utf-8")
        settings = VaultSettings(url=one.service.url, auth=VaultAuth(kind="token", token="file:token"))
        one.vault = open_vault(settings, root=one.root, timing=still(one.ticks))
        with pytest.raises(ConfigurationError):
            await one.source("vault:kv/erp#password").current()
        one.fake.tokens["given"] = 100

        assert await one.source("vault:kv/erp#password").current() == "canary-password"


@guarantees("input.clear_errors")
def test_a_reference_to_a_vault_needs_one(tmp_path: Path) -> None:
    """The configuration is checked before; whoever calls this otherwise is told as well."""
    with pytest.raises(ConfigurationError) as refused:
        secret_source("vault:kv/erp#password", root=tmp_path)

    assert refused.value.facts["key"] == "vault"
