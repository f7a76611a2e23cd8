"""Which accounts are refused, and by which names their rights are told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from erp_mcp.errors import (
    AccountTooPowerfulError,
    BadAnswerError,
    ProfileFileError,
    SystemRefusedError,
    UnboundFieldError,
)
from erp_mcp.ports import Introspects
from tests.guarantees import guarantees
from tests.needs import missing
from tests.systems.postgresql.conftest import DATABASE, DDL, MATERIALS, READER, Open, material_profile, password_of
from tests.systems.postgresql.server import Rig

pytestmark = pytest.mark.live

_SIDE = "CREATE SCHEMA side; CREATE TABLE side.log (x int); GRANT INSERT ON side.log TO other"
_DEFINER = "SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'"
_FAR = "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw"
_OWNER_OF_TOLD = (  # only a superuser may own one at first
    "ALTER ROLE other SUPERUSER; ALTER PUBLICATION told OWNER TO other; ALTER ROLE other NOSUPERUSER"
)
_AS_WRITERS = "GRANT writers TO other; GRANT SELECT ON part, gone TO writers; ALTER ROLE other SET role = 'writers'"
_WILD = "CREATE LANGUAGE wild HANDLER plpgsql_call_handler"
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
    "a schema that another role opens": (
        f"{_SIDE}; GRANT USAGE ON SCHEMA side TO writers; GRANT writers TO other",
        "INSERT on side.log",
    ),
    "sequence": ("CREATE SEQUENCE next; GRANT USAGE ON SEQUENCE next TO other", "USAGE on sequence public.next"),
    "create in schema": ("GRANT CREATE ON SCHEMA public TO other", "CREATE on schema public"),
    "create in database": ("GRANT CREATE ON DATABASE plant TO other", "CREATE on database plant"),
    "temporary tables": ("GRANT TEMPORARY ON DATABASE plant TO other", "TEMPORARY on database plant"),
    "temporary tables through a role": (
        "GRANT TEMPORARY ON DATABASE plant TO writers; GRANT writers TO other",
        "TEMPORARY on database plant",
    ),
    "owner": ("ALTER TABLE gone OWNER TO other", "owner of public.gone"),
    "owner of a sequence": ("CREATE SEQUENCE next; ALTER SEQUENCE next OWNER TO other", "owner of public.next"),
    "owner of a view": (
        "CREATE MATERIALIZED VIEW seen AS SELECT 1 AS x; ALTER MATERIALIZED VIEW seen OWNER TO other",
        "owner of public.seen",
    ),
    "owner of the schema": ("ALTER SCHEMA public OWNER TO other", "owner of schema public"),
    "owner of the database": ("ALTER DATABASE plant OWNER TO other", "owner of database plant"),
    "owner of a function": (
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION one() OWNER TO other",
        "owner of function public.one()",
    ),
    "owner of a publication": (
        f"CREATE PUBLICATION told; {_OWNER_OF_TOLD}",
        "owner of publication told",
    ),
    "owner of a large object": (
        "SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO other",
        "owner of large object 4711",
    ),
    "a large object": (
        "SELECT lo_create(4711); GRANT UPDATE ON LARGE OBJECT 4711 TO other",
        "UPDATE on large object 4711",
    ),
    "a large object of everybody": (
        "SELECT lo_create(4711); GRANT UPDATE ON LARGE OBJECT 4711 TO PUBLIC",
        "UPDATE on large object 4711",
    ),
    "large objects": (
        "GRANT EXECUTE ON FUNCTION lo_from_bytea(oid, bytea) TO other",
        "EXECUTE on pg_catalog.lo_from_bytea(oid, bytea)",
    ),
    "large objects through a role": (
        "GRANT EXECUTE ON FUNCTION lo_create(oid) TO writers; GRANT writers TO other",
        "EXECUTE on pg_catalog.lo_create(oid)",
    ),
    "writes all": ("GRANT pg_write_all_data TO other", "member of pg_write_all_data"),
    "runs programs": ("GRANT pg_execute_server_program TO other", "member of pg_execute_server_program"),
    "reads files": ("GRANT pg_read_server_files TO other", "member of pg_read_server_files"),
    "writes files": ("GRANT pg_write_server_files TO other", "member of pg_write_server_files"),
    "ends sessions": ("GRANT pg_signal_backend TO writers; GRANT writers TO other", "member of pg_signal_backend"),
    "reads one file": (
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO other",
        "EXECUTE on pg_catalog.pg_read_file(text)",
    ),
    "through a role": ("GRANT INSERT ON part TO writers; GRANT writers TO other", "INSERT on public.part"),
    "through a role it must turn to": (
        "GRANT INSERT ON part TO writers; GRANT writers TO other; ALTER ROLE other NOINHERIT",
        "INSERT on public.part",
    ),
    "turned to another role by itself": (
        f"GRANT INSERT ON part TO other; {_AS_WRITERS}",
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
    "a function as its owner": (
        f"CREATE FUNCTION post(x text) RETURNS int {_DEFINER}",
        "EXECUTE on public.post(text) as admin",
    ),
    "a procedure as its owner": (f"CREATE PROCEDURE post(x text) {_DEFINER}", "EXECUTE on public.post(text) as admin"),
    "an untrusted language": (
        f"{_WILD}; CREATE FUNCTION run() RETURNS int LANGUAGE wild AS 'BEGIN RETURN 1; END'",
        "EXECUTE on public.run() in wild",
    ),
    "another database": ("CREATE EXTENSION dblink", "EXECUTE on public.dblink_exec(text, text)"),
    "a foreign server": (f"{_FAR}; GRANT USAGE ON FOREIGN SERVER far TO other", "USAGE on foreign server far"),
    "a foreign data wrapper": (
        f"{_FAR}; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO other",
        "USAGE on foreign data wrapper postgres_fdw",
    ),
    "a user mapping": (f"{_FAR}; CREATE USER MAPPING FOR other SERVER far", "user mapping on server far"),
    "a parameter": ("GRANT SET ON PARAMETER log_statement TO other", "SET on parameter log_statement"),
    "the server's parameters": (
        "GRANT ALTER SYSTEM ON PARAMETER work_mem TO other",
        "ALTER SYSTEM on parameter work_mem",
    ),
}
_READING = "GRANT USAGE ON SCHEMA public TO other, writers; GRANT SELECT ON part, gone TO other"
_SINCE = {"a parameter": 15, "the server's parameters": 15}  # versions of PostgreSQL
_EVERYBODY_MAY = "EXECUTE on lo_creat, EXECUTE on lo_create, EXECUTE on lo_from_bytea"
_LISTS = "SELECT proacl FROM pg_proc WHERE proname IN ('lo_creat', 'lo_create', 'lo_from_bytea')"
_TAKEN_FROM_EVERYBODY = """
REVOKE TEMPORARY ON DATABASE plant FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC"""
_CLEAN = """
ALTER DATABASE plant OWNER TO admin; GRANT TEMPORARY ON DATABASE plant TO PUBLIC;
DROP SCHEMA IF EXISTS side CASCADE; DROP EXTENSION IF EXISTS dblink, postgres_fdw CASCADE;
DROP LANGUAGE IF EXISTS wild CASCADE; DROP PUBLICATION IF EXISTS told;
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
GRANT EXECUTE ON FUNCTION lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea) TO PUBLIC;
ALTER SCHEMA public OWNER TO admin; DROP OWNED BY other, writers CASCADE; DROP ROLE other, writers"""


@pytest.fixture
def other(plant: Rig) -> Iterator[Rig]:
    """A plant with an account `other` that may read, and a group `writers`; both are gone at the end."""
    plant.create_role("other", password_of(plant))
    plant.run(DATABASE, "CREATE ROLE writers")
    plant.run(DATABASE, _READING)
    yield plant
    plant.run(DATABASE, _CLEAN)


def _ways(rig: Rig, how: str) -> tuple[str, str]:
    if int(rig.version.split(".", maxsplit=1)[0]) < _SINCE.get(how, 0):
        missing(f"PostgreSQL {rig.version} has no such right")
    return _WRITES[how]


@guarantees("P2.reading_account")
@pytest.mark.parametrize("how", sorted(_WRITES))
async def test_an_account_that_can_write_is_refused_until_the_statements_told_were_run(
    other: Rig, opens: Open, how: str
) -> None:
    """However it came by the right; nothing is read with it, and whoever administers is told exactly what to do."""
    statement, right = _ways(other, how)
    other.run(DATABASE, statement)
    one = opens(account="other")
    with pytest.raises(AccountTooPowerfulError) as caught:
        await one.read("material", ["A"])
    facts = caught.value.json_facts
    assert isinstance(one, Introspects)
    found = await one.introspect()
    assert right in found.excess
    assert not found.usable
    assert facts["rights"] == list(found.excess[:8])
    for text in found.revoke:
        assert text in facts["revoke"] or len(found.excess) > 8  # type: ignore[operator]  # a list
        other.run(DATABASE, text)
    other.run(DATABASE, _READING)  # who owns a schema no more has lost what the owner had
    await one.close()
    assert [record.source_key for record in await one.read("material", ["A"])] == ["A"]
    assert (await one.introspect()).excess == ()


@guarantees("P2.reading_account")
async def test_a_function_as_its_owner_is_let_through_where_the_profile_calls_it(other: Rig, opens: Open) -> None:
    """It is what the account is for, so it is needed; others of its kind are not."""
    other.run(DATABASE, "CREATE FUNCTION told(x text) RETURNS text SECURITY DEFINER LANGUAGE sql AS 'SELECT x'")
    calls = material_profile(MATERIALS.replace("note AS", "told(note) AS"))
    (record,) = await opens(calls, account="other").read("material", ["A"])
    assert getattr(record, "description") == "first"  # noqa: B009 - of its subclass
    with pytest.raises(AccountTooPowerfulError):
        await opens(account="other").read("material", ["A"])


@guarantees("P2.reading_account")
async def test_a_function_that_nobody_can_call_by_itself_is_no_right(other: Rig, opens: Open) -> None:
    """A trigger's function runs by the table it is on; one whose right was taken away from everybody does not run."""
    other.run(
        DATABASE,
        "CREATE FUNCTION noted() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        f"CREATE FUNCTION post() RETURNS int {_DEFINER}; REVOKE EXECUTE ON FUNCTION post() FROM PUBLIC;"
        f"CREATE SCHEMA side; CREATE FUNCTION side.post() RETURNS int {_DEFINER}",
    )
    assert len(await opens(account="other").read("material", ["A"])) == 1


@guarantees("P2.reading_account")
@pytest.mark.parametrize("how", ["runs programs", "superuser", "reads one file", "another database"])
async def test_what_a_replica_does_not_stop_is_refused_there_too(other: Rig, opens: Open, how: str) -> None:
    """Files and programs of the server, and other databases, are written to from a replica as well."""
    statement, right = _ways(other, how)
    other.run(DATABASE, f"{statement}; GRANT INSERT ON part TO other")
    other.catch_up()
    one = opens(account="other", replica=True)
    with pytest.raises(AccountTooPowerfulError):
        await one.read("material", ["A"])
    assert isinstance(one, Introspects)
    excess = (await one.introspect()).excess
    assert right in excess
    assert "INSERT on public.part" not in excess


@guarantees("P2.reading_account")
async def test_an_account_that_can_only_read_is_used(other: Rig, opens: Open) -> None:
    """A right on what it can't reach changes nothing."""
    other.run(
        DATABASE,
        f"{_SIDE}; GRANT pg_read_all_stats TO other",
    )
    one = opens(account="other")
    assert [record.source_key for record in await one.read("material", ["A"])] == ["A"]
    assert (await one.introspect()).usable
    assert (await one.probe())["rights"] == "none found beside reading and what everybody may"


@guarantees("P2.reading_account")
async def test_what_a_server_lets_everybody_do_by_itself_is_told_and_refuses_nobody(other: Rig, opens: Open) -> None:
    """Nothing was revoked, as on most databases, and where a provider runs them nobody could; no data is touched."""
    other.create_database(DATABASE)
    other.run(DATABASE, f"{DDL}; {_READING}")
    with other.admin(DATABASE) as admin:
        assert admin.execute("SELECT datacl FROM pg_database WHERE datname = 'plant'").fetchone() == (None,)
        assert admin.execute(_LISTS).fetchall() == [(None,)] * 3
    one = opens(account="other")
    pages = [page async for page in one.changes("material", "")]
    assert [record.source_key for page in pages for record in page.records] == ["A", "B"]
    assert isinstance(one, Introspects)
    found = await one.introspect()
    assert (found.excess, found.revoke, found.usable) == ((), (), True)
    assert found.told["everybody_may"] == f"TEMPORARY on database plant, {_EVERYBODY_MAY}"
    other.run(DATABASE, _TAKEN_FROM_EVERYBODY)
    await one.close()
    told = (await one.introspect()).told
    assert "everybody_may" not in told
    assert told["rights"] == "none found beside reading"


@guarantees("P2.reading_account")
@pytest.mark.parametrize("how", ["temporary tables", "large objects", "large objects through a role"])
async def test_the_same_right_of_its_own_is_taken_away_without_what_everybody_may(
    other: Rig, opens: Open, how: str
) -> None:
    """The statements told change nothing for anybody else."""
    other.run(DATABASE, _WRITES[how][0])
    one = opens(account="other")
    with pytest.raises(AccountTooPowerfulError) as caught:
        await one.read("material", ["A"])
    facts = caught.value.facts
    assert facts["rights"] == (_WRITES[how][1],)
    assert "PUBLIC" not in str(facts["revoke"])


_MAKES_A_TABLE = (
    "CREATE FUNCTION made(x text) RETURNS text LANGUAGE plpgsql AS"
    " 'BEGIN CREATE TEMPORARY TABLE IF NOT EXISTS kept (x int); RETURN x; END'"
)


@guarantees("P2.reading_account")
@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (MATERIALS.replace("note AS", "made(note) AS"), BadAnswerError),
        (MATERIALS.replace(" FROM", " INTO TEMPORARY kept FROM"), UnboundFieldError),
        (f"CREATE TEMPORARY TABLE kept (x int); {MATERIALS}", ProfileFileError),
        (f"{MATERIALS}; CREATE TEMPORARY TABLE kept (x int)", ProfileFileError),
    ],
)
async def test_no_statement_of_a_profile_makes_a_temporary_table(
    other: Rig, opens: Open, statement: str, error: type[Exception]
) -> None:
    """A text that is not one SELECT is refused, one inside another makes none, nor does a session that only reads."""
    other.run(DATABASE, _MAKES_A_TABLE)
    with pytest.raises(error):
        await opens(material_profile(statement), account="other").read("material", ["A"])


@guarantees("P2.reading_account")
async def test_a_large_object_that_a_profile_makes_is_gone_again(other: Rig, opens: Open) -> None:
    """Before PostgreSQL 16 a transaction that only reads does not stop it; it is rolled back like every other."""
    makes = MATERIALS.replace("note AS", "lo_create(0)::text AS")
    with contextlib.suppress(BadAnswerError):
        await opens(material_profile(makes), account="other").read("material", ["A"])
    with other.admin(DATABASE) as admin:
        assert admin.execute("SELECT oid FROM pg_largeobject_metadata").fetchall() == []


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
    assert (told["account"], told["role"], told["rights"]) == (
        READER,
        "primary",
        "none found beside reading and what everybody may",
    )
