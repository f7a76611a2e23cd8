"""Which accounts are refused, and by which names their rights are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from erp_mcp.errors import AccountTooPowerfulError, SystemRefusedError, UnboundFieldError
from erp_mcp.ports import Introspects
from tests.guarantees import guarantees
from tests.systems.postgresql.conftest import DATABASE, MATERIALS, READER, Open, material_profile, password_of
from tests.systems.postgresql.server import Rig

pytestmark = pytest.mark.live

_SIDE = "CREATE SCHEMA side; CREATE TABLE side.log (x int); GRANT INSERT ON side.log TO other"
_WRITES = {
    "superuser": ("ALTER ROLE other SUPERUSER", "superuser"),
    "createrole": ("ALTER ROLE other CREATEROLE", "createrole"),
    "createdb": ("ALTER ROLE other CREATEDB", "createdb"),
    "replication": ("ALTER ROLE other REPLICATION", "replication"),
    "insert": ("GRANT INSERT ON part TO other", "INSERT on public.part"),
    "one column": ("GRANT UPDATE (note) ON part TO other", "UPDATE on public.part"),
    "delete": ("GRANT DELETE ON gone TO other", "DELETE on public.gone"),
    "truncate": ("GRANT TRUNCATE ON part TO other", "TRUNCATE on public.part"),
    "everybody": ("GRANT UPDATE ON part TO PUBLIC", "UPDATE on public.part"),
    "a view": ("CREATE VIEW seen AS SELECT * FROM part; GRANT DELETE ON seen TO other", "DELETE on public.seen"),
    "another schema": (f"{_SIDE}; GRANT USAGE ON SCHEMA side TO other", "INSERT on side.log"),
    "sequence": ("CREATE SEQUENCE next; GRANT USAGE ON SEQUENCE next TO other", "USAGE on sequence public.next"),
    "create in schema": ("GRANT CREATE ON SCHEMA public TO other", "CREATE on schema public"),
    "create in database": ("GRANT CREATE ON DATABASE plant TO other", "CREATE on database plant"),
    "owner": ("ALTER TABLE gone OWNER TO other", "owner of public.gone"),
    "owner of the database": ("ALTER DATABASE plant OWNER TO other", "owner of database plant"),
    "writes all": ("GRANT pg_write_all_data TO other", "member of pg_write_all_data"),
    "runs programs": ("GRANT pg_execute_server_program TO other", "member of pg_execute_server_program"),
    "through a role": ("GRANT INSERT ON part TO writers; GRANT writers TO other", "INSERT on public.part"),
    "through a role it must turn to": (
        "GRANT INSERT ON part TO writers; GRANT writers TO other; ALTER ROLE other NOINHERIT",
        "INSERT on public.part",
    ),
    "makes roles through a role": (
        "ALTER ROLE writers CREATEROLE; GRANT writers TO other",
        "createrole through writers",
    ),
    "later tables": (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO other",
        "INSERT on later tables of admin",
    ),
}


@pytest.fixture
def other(plant: Rig) -> Iterator[Rig]:
    """A plant with an account `other` that may read, and a group `writers`; both are gone at the end."""
    plant.create_role("other", password_of(plant))
    plant.run(DATABASE, "CREATE ROLE writers")
    plant.run(DATABASE, "GRANT USAGE ON SCHEMA public TO other, writers; GRANT SELECT ON part, gone TO other")
    yield plant
    plant.run(DATABASE, "ALTER DATABASE plant OWNER TO admin; ALTER TABLE IF EXISTS gone OWNER TO admin")
    plant.run(DATABASE, "DROP SCHEMA IF EXISTS side CASCADE; DROP OWNED BY other, writers; DROP ROLE other, writers")


@guarantees("P2.reading_account")
@pytest.mark.parametrize("how", sorted(_WRITES))
async def test_an_account_that_can_write_is_refused_and_its_right_named(other: Rig, opens: Open, how: str) -> None:
    """However it came by the right; nothing is read with it."""
    statement, right = _WRITES[how]
    other.run(DATABASE, statement)
    one = opens(account="other")
    with pytest.raises(AccountTooPowerfulError) as caught:
        await one.read("material", ["A"])
    assert right in caught.value.json_facts["rights"]  # type: ignore[operator]  # a list
    assert isinstance(one, Introspects)
    found = await one.introspect()
    assert right in found.excess
    assert not found.usable


@guarantees("P2.reading_account")
async def test_an_account_that_can_only_read_is_used(other: Rig, opens: Open) -> None:
    """A right on what it can't reach, and one on a table of its own session, change nothing."""
    other.run(
        DATABASE,
        f"{_SIDE}; GRANT pg_read_all_stats TO other; GRANT TEMPORARY ON DATABASE plant TO other",
    )
    one = opens(account="other")
    assert [record.source_key for record in await one.read("material", ["A"])] == ["A"]
    assert (await one.introspect()).usable
    assert (await one.probe())["rights"] == "can only read"


@guarantees("P2.reading_account")
async def test_on_a_replica_such_an_account_is_used_and_said_to_be_one(other: Rig, opens: Open) -> None:
    """Nobody can write to a database in recovery, whatever the account may do elsewhere."""
    other.run(DATABASE, "GRANT INSERT ON part TO other")
    other.catch_up()
    one = opens(account="other", replica=True)
    assert len(await one.read("material", ["A", "B"])) == 2
    probe = await one.probe()
    assert probe["role"] == "replica, which nobody can write to"
    assert "INSERT on public.part" in probe["rights"]


@guarantees("P2.reading_account")
async def test_a_right_given_later_is_found_on_the_next_connection(other: Rig, opens: Open) -> None:
    """Connections are made anew every quarter of an hour."""
    one = opens(account="other")
    await one.read("material", ["A"])
    other.run(DATABASE, "GRANT INSERT ON part TO other")
    await one.close()
    with pytest.raises(AccountTooPowerfulError):
        await one.read("material", ["A"])


@guarantees("P8.text_is_data")
async def test_a_hostile_name_in_the_rights_is_shown_tamed(other: Rig, opens: Open) -> None:
    """Names of tables are somebody's text, too."""
    other.run(DATABASE, 'CREATE TABLE "a\x1b[2J\u202eb" (x int); GRANT INSERT ON "a\x1b[2J\u202eb" TO other')
    with pytest.raises(AccountTooPowerfulError) as caught:
        await opens(account="other").probe()
    rights = caught.value.facts["rights"]
    assert isinstance(rights, tuple)
    assert all(right.isprintable() for right in rights)


@guarantees("input.clear_errors", "adapter.introspection")
@pytest.mark.parametrize(
    ("damage", "fields"),
    [
        ("ALTER TABLE part RENAME unit TO uom", ("base_uom",)),
        ("REVOKE SELECT ON part FROM reader; GRANT SELECT (no, chg, note) ON part TO reader", ("base_uom",)),
        (
            "DROP TABLE part",
            ("base_uom", "changed_at", "description", "material_id", "source_key", "version_token"),
        ),
    ],
)
async def test_a_field_that_is_not_there_refuses_the_system_by_its_name(
    plant: Rig, opens: Open, damage: str, fields: tuple[str, ...]
) -> None:
    """At the first use, not in the middle of a pass; and it is used again once the field is back."""
    plant.run(DATABASE, damage)
    one = opens()
    for _ in range(2):
        with pytest.raises(UnboundFieldError) as caught:
            await one.read("material", ["A"])
        assert caught.value.facts["entity"] == "material"
        assert caught.value.facts["fields"] == fields


@guarantees("adapter.introspection")
async def test_an_optional_field_that_is_not_there_is_a_gap_and_said(plant: Rig, opens: Open) -> None:
    """A statement that fails as a whole gives nothing, so that is refused all the same; the person is told why."""
    one = opens(material_profile(MATERIALS.replace("note AS description", "remark AS description")))
    with pytest.raises(UnboundFieldError):
        await one.read("material", ["A"])
    (binding,) = (await one.introspect()).entities
    assert binding.mandatory == ()
    assert "description" in binding.missing
    assert {"material_id", "base_uom", "source_key"} <= set(binding.bound)


@guarantees("input.clear_errors")
async def test_a_table_that_may_not_be_read_is_a_refusal(plant: Rig, opens: Open) -> None:
    """It is the account's rights that need mending, not the profile."""
    plant.run(DATABASE, "REVOKE SELECT ON part FROM reader")
    with pytest.raises(SystemRefusedError):
        await opens().read("material", ["A"])


@guarantees("adapter.introspection")
async def test_what_a_person_wants_to_know_is_told(plant: Rig, opens: Open) -> None:
    """Product, version, who we are, what it is, and what it can't tell."""
    told = (await opens().introspect()).told
    assert told["product"] == "PostgreSQL"
    assert told["version"].split(".")[0] == plant.version.split(".")[0]
    assert (told["account"], told["role"], told["rights"]) == (READER, "primary", "can only read")
