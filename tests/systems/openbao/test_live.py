"""Secrets from a real vault: versions, sign-ins that run out, users that it makes, and what happens without it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.credentials import UserSecret, account_of
from erp_mcp.credentials.refreshing import Timing
from erp_mcp.credentials.settings import VaultAuth, VaultSettings
from erp_mcp.credentials.sources import open_vault, secret_source
from erp_mcp.credentials.vault import Token, Vault
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import ConfigurationError, SecretUnavailableError
from erp_mcp.ports import SecretSource
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.moments import Ticks, becomes, settled, still
from tests.systems.openbao.server import Rig
from tests.systems.postgresql.server import Rig as PostgresqlRig
from tests.systems.postgresql.server import running

pytestmark = pytest.mark.live
DATABASE = "vaulted"
PARTS = (
    "SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id, note AS description,"
    " 'EA' AS base_uom FROM part"
)


def owned(folder: Path, name: str, secret: str) -> str:
    """Write a secret as its owner would, and return its reference."""
    new = folder / f"{name}.new"
    new.touch(mode=0o600)
    new.write_text(secret, encoding="utf-8")
    new.replace(folder / name)
    return f"file:{name}"


def approle(rig: Rig, folder: Path, name: str, *, mount: str = "approle", **properties: Any) -> VaultSettings:
    """Make an AppRole and return how it signs in."""
    rig.call("POST", f"auth/{mount}/role/{name}", {"token_policies": ["gateway"], **properties})
    role_id = rig.call("GET", f"auth/{mount}/role/{name}/role-id")["data"]["role_id"]
    reference = owned(folder, "secret-id", new_secret_id(rig, name, mount=mount))
    auth = VaultAuth(kind="approle", role_id=role_id, secret_id=reference, mount=mount)
    return VaultSettings(url=rig.url, ca_file=rig.ca_file, auth=auth)


def new_secret_id(rig: Rig, name: str, *, mount: str = "approle") -> str:
    """Return a new secret id of an AppRole."""
    return str(rig.call("POST", f"auth/{mount}/role/{name}/secret-id", {})["data"]["secret_id"])


def opened(settings: VaultSettings, folder: Path, timing: Timing | None = None) -> Vault:
    """Return the vault as the gateway opens it, by a clock that stands still where none is given."""
    return open_vault(settings, root=folder, timing=timing or still(Ticks()))


def put(rig: Rig, password: str) -> None:
    """Store a password in both stores."""
    rig.call("POST", "kv/data/erp/reader", {"data": {"password": password}})
    rig.call("POST", "old/erp/reader", {"password": password})


@guarantees("P10.rotation")
@pytest.mark.parametrize("reference", ["vault:kv/erp/reader#password", "vault:old/erp/reader#password"])
async def test_a_new_version_is_used_after_a_refusal(vault_rig: Rig, tmp_path: Path, reference: str) -> None:
    """Stores of both versions are told apart by the vault; the kept secret is looked up again once it is refused."""
    put(vault_rig, "first")
    source = secret_source(reference, root=tmp_path, vault=opened(approle(vault_rig, tmp_path, "plain"), tmp_path))
    assert await source.current() == "first"
    put(vault_rig, "second")

    assert await source.current() == "first"
    assert await source.after_refusal("first") == "second"
    assert await source.current() == "second"


@guarantees("P10.rotation")
@pytest.mark.parametrize(
    ("kind", "sign_ins"), [pytest.param("service", 1, id="renewed in place"), pytest.param("batch", 8, id="made anew")]
)
async def test_a_sign_in_that_runs_out_again_and_again_is_never_noticed(
    vault_rig: Rig, tmp_path: Path, kind: str, sign_ins: int
) -> None:
    """Tokens of 120 seconds over 700: none is used as long as it is good for, each is replaced beside its use."""
    put(vault_rig, "kept")
    ticks, began, ages = Ticks(), dict[int, tuple[Token, float]](), list[float]()
    settings = approle(vault_rig, tmp_path, f"short-{kind}", token_ttl="120s", token_type=kind)
    vault = opened(replace(settings, refresh_s=10, stale_s=0), tmp_path, still(ticks))
    source = secret_source("vault:kv/erp/reader#password", root=tmp_path, vault=vault, timing=still(ticks))

    for _ in range(36):
        token = await vault.token()
        assert await source.current() == "kept"
        await settled()
        for one in (token, await vault.token()):
            began.setdefault(id(one), (one, ticks.now))
        ages.append((ticks.now - began[id(token)][1]) / token.ttl_s)
        ticks.now += 20

    assert max(ages) < 1
    assert len(began) == 8  # at the start, then at the first use after 96 of 120 s
    assert (await vault.token()).serial == sign_ins


@guarantees("P10.rotation")
async def test_a_sign_in_that_can_t_be_renewed_for_long_is_made_anew(vault_rig: Rig, tmp_path: Path) -> None:
    """It nears its last end (here since an administrator allows less from now on): the next one begins before."""
    ticks = Ticks()
    if "brief/" not in vault_rig.call("GET", "sys/auth")["data"]:
        vault_rig.call("POST", "sys/auth/brief", {"type": "approle"})
    vault_rig.call("POST", "sys/auth/brief/tune", {"max_lease_ttl": "120s"})
    settings = approle(vault_rig, tmp_path, "short", mount="brief", token_ttl="120s")
    vault = opened(settings, tmp_path, still(ticks))
    first = await vault.token()
    vault_rig.call("POST", "sys/auth/brief/tune", {"max_lease_ttl": "50s"})
    ticks.now += 100
    await vault.token()
    await settled()

    then = await vault.token()

    assert (first.serial, then.serial) == (1, 2)
    assert then.text != first.text


@guarantees("P10.rotation")
async def test_a_revoked_sign_in_is_made_anew(vault_rig: Rig, tmp_path: Path) -> None:
    """An administrator throws everybody out; the next look signs in again, with the secret id as it is now."""
    put(vault_rig, "first")
    settings = approle(vault_rig, tmp_path, "thrown-out")
    vault = opened(settings, tmp_path)
    source = secret_source("vault:kv/erp/reader#password", root=tmp_path, vault=vault)
    await source.current()
    vault_rig.call("POST", "auth/token/revoke", {"token": (await vault.token()).text})
    before = (tmp_path / "secret-id").read_text(encoding="utf-8")
    vault_rig.call("POST", "auth/approle/role/thrown-out/secret-id/destroy", {"secret_id": before})
    owned(tmp_path, "secret-id", new_secret_id(vault_rig, "thrown-out"))
    put(vault_rig, "second")

    assert await source.after_refusal("first") == "second"


@guarantees("P8.secrets_stay", "input.clear_errors")
@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("vault:kv/erp/nothing#password", "kv/erp/nothing"),
        ("vault:kv/erp/reader#word", "word"),
        ("vault:kv/other/reader#password", "kv/"),
        ("vault:nowhere/erp/reader#password", "nowhere/"),
        ("vault-db:stranger", "database/creds/stranger"),
    ],
)
async def test_what_the_vault_refuses_is_named_by_its_place(
    vault_rig: Rig, tmp_path: Path, reference: str, says: str
) -> None:
    """Path or field help whoever mends it; nothing that the vault holds or says is repeated."""
    put(vault_rig, "canary-4711")
    source = secret_source(reference, root=tmp_path, vault=opened(approle(vault_rig, tmp_path, "plain"), tmp_path))

    with pytest.raises(ConfigurationError) as refused:
        await source.current()

    assert says in str(refused.value)
    assert "canary-4711" not in str(refused.value)


@guarantees("identity.as_told")
async def test_a_namespace_is_asked_where_one_is_named(vault_rig: Rig, tmp_path: Path) -> None:
    """Large vaults are divided; the same path means another secret in each."""
    vault_rig.call("POST", "sys/namespaces/plant1", {})
    if "kv/" not in vault_rig.call("GET", "sys/mounts", namespace="plant1")["data"]:
        vault_rig.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}, namespace="plant1")
    vault_rig.call("POST", "kv/data/erp/reader", {"data": {"password": "of plant 1"}}, namespace="plant1")
    vault_rig.call(
        "PUT", "sys/policies/acl/gateway", {"policy": 'path "kv/*" { capabilities = ["read"] }'}, namespace="plant1"
    )
    token = vault_rig.call("POST", "auth/token/create", {"policies": ["gateway"]}, namespace="plant1")["auth"][
        "client_token"
    ]
    auth = VaultAuth(kind="token", token=owned(tmp_path, "token", token))
    settings = VaultSettings(url=vault_rig.url, ca_file=vault_rig.ca_file, auth=auth, namespace="plant1")

    source = secret_source("vault:kv/erp/reader#password", root=tmp_path, vault=opened(settings, tmp_path))

    assert await source.current() == "of plant 1"


@guarantees("P9.egress")
async def test_a_vault_that_shows_a_stranger_s_certificate_gets_nothing(vault_rig: Rig, tmp_path: Path) -> None:
    """Without its authority it is not trusted, and the secret id is not sent."""
    settings = replace(approle(vault_rig, tmp_path, "plain"), ca_file="")
    source = secret_source("vault:kv/erp/reader#password", root=tmp_path, vault=opened(settings, tmp_path))

    with pytest.raises(SecretUnavailableError) as refused:
        await source.current()

    assert "certificate" in str(refused.value.facts["reason"])


@guarantees("P10.bridged")
async def test_a_sealed_vault_is_bridged_for_a_bounded_time(vault_rig: Rig, tmp_path: Path) -> None:
    """What is kept is used on for `stale_s`, then no more; once it is unsealed, all is as before."""
    put(vault_rig, "kept")
    ticks = Ticks()
    settings = replace(approle(vault_rig, tmp_path, "plain"), refresh_s=60, stale_s=600)
    timing = still(ticks)
    source = secret_source(
        "vault:kv/erp/reader#password", root=tmp_path, vault=opened(settings, tmp_path, timing), timing=timing
    )
    assert await source.current() == "kept"
    vault_rig.seal()
    try:
        ticks.now += 300
        for _ in range(5):
            assert await source.current() == "kept"
            await settled()
        ticks.now += 400
        with pytest.raises(SecretUnavailableError) as away:
            await source.current()
    finally:
        vault_rig.unseal()

    assert away.value.facts["reason"] == "sealed or down"
    ticks.now += 100
    assert await source.current() == "kept"


# --- users that the vault makes -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(vault_rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlRig]:
    """A database in which the vault makes users of ten minutes that may read."""
    with running(tmp_path_factory.mktemp("postgresql")) as rig:
        rig.create_database(DATABASE)
        rig.run(DATABASE, "CREATE TABLE part (no text PRIMARY KEY, chg text, note text)")
        rig.run(DATABASE, "INSERT INTO part VALUES ('A', 't1', 'first'), ('B', 't2', 'second')")
        password = rig.create_role("maker", options="SUPERUSER")
        url = f"postgresql://{{{{username}}}}:{{{{password}}}}@{rig.host}:{rig.port}/{DATABASE}?sslmode=disable"
        vault_rig.call(
            "POST",
            "database/config/plant",
            {
                "plugin_name": "postgresql-database-plugin",
                "connection_url": url,
                "username": "maker",
                "password": password,
                "allowed_roles": ["reader"],
            },
        )
        vault_rig.call(
            "POST",
            "database/roles/reader",
            {
                "db_name": "plant",
                "creation_statements": [
                    "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'",
                    'GRANT SELECT ON part TO "{{name}}"',
                ],
                "default_ttl": "600s",
                "max_ttl": "1200s",
            },
        )
        yield rig
        vault_rig.call("POST", "sys/leases/revoke-force/database/creds/reader", {})


@pytest.fixture
async def reads(
    vault_rig: Rig, database: PostgresqlRig, tmp_path: Path
) -> AsyncIterator[tuple[Any, SecretSource, Ticks]]:
    """Yield what reads the parts as a dynamic user, the source of that user, and the clock that it goes by."""
    ticks = Ticks()
    timing = still(ticks)
    vault = opened(approle(vault_rig, tmp_path, "sql"), tmp_path, timing)
    source = secret_source("vault-db:reader", root=tmp_path, vault=vault, timing=timing)
    profile = Profile(
        name="p",
        version=1,
        kind="sql",
        level=4,
        zone="UTC",
        identity={},
        states={},
        entities={"material": {"statement": PARTS}},
    )
    connection = Connection(
        system="erp",
        url=database.url(DATABASE),
        credential=source,
        limits=TrafficLimits(requests_per_s=1000, burst=1000),
    )
    adapter = SqlAdapter.open(connection, profile, FixedClock())

    async def read() -> set[str]:
        return {record.source_key for record in await adapter.read("material", ["A", "B"])}

    yield read, source, ticks
    await adapter.close()


def users(database: PostgresqlRig) -> set[str]:
    """Return the users of the vault that the database has."""
    with database.admin() as owner:
        return {row[0] for row in owner.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'").fetchall()}


@guarantees("P10.rotation")
async def test_a_database_is_read_as_a_user_that_the_vault_makes_and_renews(
    database: PostgresqlRig, reads: tuple[Any, SecretSource, Ticks]
) -> None:
    """One user for many reads, renewed before its ten minutes are over."""
    read, source, ticks = reads
    assert await read() == {"A", "B"}
    first = await source.current()
    assert isinstance(first, UserSecret)
    assert first.user in users(database)
    assert await read() == {"A", "B"}
    assert account_of("", await source.current()) == first.user

    for _ in range(3):
        ticks.now += 500
        await source.current()
        await settled()
        assert account_of("", await source.current()) == first.user
    assert await read() == {"A", "B"}


@guarantees("P10.rotation")
async def test_a_user_taken_away_is_replaced_at_the_next_read(
    vault_rig: Rig, database: PostgresqlRig, reads: tuple[Any, SecretSource, Ticks]
) -> None:
    """The vault's administrator revokes all leases: the read that meets the refusal asks for another user."""
    read, source, _ = reads
    await read()
    before = account_of("", await source.current())
    vault_rig.call("POST", "sys/leases/revoke-prefix/database/creds/reader", {})
    with database.admin() as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (before,))
    await becomes(lambda: before not in users(database))  # the vault does it when it comes to it

    assert await read() == {"A", "B"}
    assert account_of("", await source.current()) != before


@guarantees("P10.rotation")
async def test_a_user_goes_with_the_sign_in_that_it_was_made_under(
    vault_rig: Rig, database: PostgresqlRig, tmp_path: Path
) -> None:
    """A vault revokes what a token made when the token ends, whatever the lease says: another user is asked for."""
    ticks = Ticks()
    settings = approle(vault_rig, tmp_path, "brief", token_ttl="120s", token_max_ttl="120s")
    vault = opened(settings, tmp_path, still(ticks))
    source = secret_source("vault-db:reader", root=tmp_path, vault=vault, timing=still(ticks))
    first = account_of("", await source.current())
    vault_rig.call("POST", "auth/token/revoke", {"token": (await vault.token()).text})
    await becomes(lambda: first not in users(database))
    ticks.now += 121

    second = account_of("", await source.current())

    assert second != first
    assert second in users(database)
