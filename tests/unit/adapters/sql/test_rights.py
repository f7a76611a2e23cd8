"""Which rights are named, with what takes them away, by what databases say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from erp_mcp.adapters.sql.right import Right
from erp_mcp.adapters.sql.rights import MAX_RIGHTS, Rights, Run, revocations, rights_of, shown
from tests.guarantees import guarantees

_ROLE = {"superuser": False, "createrole": False, "createdb": False, "replication": False, "leave": None}


def postgresql(
    roles: Sequence[Mapping[str, object]],
    objects: Sequence[Mapping[str, object]] = (),
    routines: Sequence[Mapping[str, object]] = (),
    *,
    replica: bool = False,
    version: int = 150018,
) -> Run:
    """Return what runs the statements against a made-up server."""

    def run(statement: str) -> Sequence[Mapping[str, object]]:
        if "pg_is_in_recovery" in statement:
            return [{"replica": replica, "version": version}]
        if "pg_parameter_acl" in statement:
            assert version >= 150000  # a table that older servers do not have
            return [{"may": "SET on parameter", "name": "log_statement", "revoke": "REVOKE SET …"}]
        if "pg_class" in statement:
            return objects
        if "pg_proc" in statement:
            return routines
        return [{**_ROLE, "quoted": role["role"], **role} for role in roles]

    return run


def an_object(may: str, name: str, revoke: str = "") -> dict[str, object]:
    return {"may": may, "name": name, "revoke": revoke}


READER = {"role": "reader", "own": True}


@guarantees("P2.reading_account")
def test_rights_are_named_with_the_role_they_come_through() -> None:
    """So a person knows what to revoke from whom."""
    roles = [READER, {"role": "ops", "own": False, "createdb": True, "leave": "REVOKE ops FROM reader"}]
    insert = an_object("INSERT on", "public.part", "REVOKE INSERT ON public.part FROM reader")
    found = rights_of("postgresql", postgresql(roles, [insert], version=140000))
    assert found.found == (
        Right(name="createdb through ops", revoke="REVOKE ops FROM reader"),
        Right(name="INSERT on public.part", revoke="REVOKE INSERT ON public.part FROM reader"),
    )
    assert found.refused


@guarantees("P2.reading_account")
def test_a_right_that_came_by_two_ways_is_named_once_with_both_statements() -> None:
    """Taking one of them away would change nothing."""
    both = [
        an_object("INSERT on", "a.b", "REVOKE … FROM PUBLIC"),
        an_object("INSERT on", "a.b", "REVOKE … FROM reader"),
    ]
    found = rights_of("postgresql", postgresql([READER], both, version=140000))
    assert found.found == (Right(name="INSERT on a.b", revoke="REVOKE … FROM PUBLIC; REVOKE … FROM reader"),)


@guarantees("P2.reading_account")
@pytest.mark.parametrize("replica", [False, True])
def test_what_everybody_may_is_told_and_refuses_nobody(replica: bool) -> None:
    """The server gives it to everybody by itself, it touches no data, and not everybody can take it back."""
    temporary = {**an_object("TEMPORARY on database", "erp", "REVOKE … FROM PUBLIC"), "everybody": True}
    makes = {"called": "lo_create", "name": "pg_catalog.lo_create(oid)", "told": "", "revoke": "", "definer": False}
    run = postgresql(
        [READER], [temporary], [{**makes, "everywhere": False, "everybody": True}], replica=replica, version=140000
    )
    found = rights_of("postgresql", run)
    assert (found.found, found.refused) == ((), False)
    assert shown(found.everybody) == ("TEMPORARY on database erp", "EXECUTE on lo_create")


@guarantees("P2.reading_account")
def test_the_same_right_of_its_own_refuses_with_its_own_statement_alone() -> None:
    """Taking it from everybody as well would change what others may."""
    both = [
        {**an_object("TEMPORARY on database", "erp", "REVOKE … FROM PUBLIC"), "everybody": True},
        {**an_object("TEMPORARY on database", "erp", "REVOKE … FROM reader"), "everybody": False},
    ]
    found = rights_of("postgresql", postgresql([READER], both, version=140000))
    assert found.barring == (Right(name="TEMPORARY on database erp", revoke="REVOKE … FROM reader"),)
    assert [right.name for right in found.everybody] == ["TEMPORARY on database erp"]


@guarantees("P2.reading_account")
def test_a_superuser_is_told_as_one_and_nothing_else_is_looked_for() -> None:
    """It owns everything, so a list would say nothing."""
    run = postgresql([{"role": "root", "own": True, "superuser": True}], [an_object("x", "y")] * 9)
    found = rights_of("postgresql", run)
    assert found.found == (Right(name="superuser", revoke="ALTER ROLE root NOSUPERUSER", everywhere=True),)


@guarantees("P2.reading_account")
def test_a_replica_excuses_what_it_stops_and_nothing_else() -> None:
    """Its tables can't be written to; files, programs and other servers can, from there as well."""
    writes = {**READER, "createrole": True}
    excused = rights_of("postgresql", postgresql([writes], replica=True, version=140000))
    assert (excused.excess, excused.refused) == (("createrole",), False)
    programs = {"role": "pg_execute_server_program", "own": False}
    found = rights_of("postgresql", postgresql([writes, programs], replica=True, version=140000))
    assert [right.name for right in found.barring] == ["member of pg_execute_server_program"]


@guarantees("P2.reading_account")
def test_parameters_are_looked_at_where_the_server_has_lists_of_rights_for_them() -> None:
    """PostgreSQL has them since 15."""
    assert rights_of("postgresql", postgresql([READER])).excess == ("SET on parameter log_statement",)
    assert rights_of("postgresql", postgresql([READER], version=149999)).excess == ()


@guarantees("P2.reading_account")
@pytest.mark.parametrize(("called", "count"), [("post", 0), ("other", 1), ("", 1)])
def test_a_function_as_its_owner_is_needed_where_the_profile_calls_it(called: str, count: int) -> None:
    """By its name alone; one in a language that is not trusted is never excused."""
    routine = {"called": "post", "name": "erp.post(text)", "told": " as owner", "revoke": "…", "everywhere": True}
    run = postgresql([READER], routines=[{**routine, "definer": True}], version=140000)
    assert len(rights_of("postgresql", run, called=frozenset({called})).found) == count
    wild = postgresql([READER], routines=[{**routine, "definer": False}], version=140000)
    assert rights_of("postgresql", wild, called=frozenset({called})).excess == ("EXECUTE on erp.post(text) as owner",)


@guarantees("P9.bounded", "P2.reading_account")
def test_the_list_of_rights_is_bounded() -> None:
    """A schema of a hundred thousand tables makes no error of a hundred thousand lines."""
    objects = [an_object("DELETE on", f"public.t{number}", f"REVOKE {number}") for number in range(MAX_RIGHTS + 1)]
    found = rights_of("postgresql", postgresql([READER], objects, version=140000))
    assert (len(found.excess), found.excess[-1]) == (MAX_RIGHTS + 1, "and more")
    assert len(revocations(found.found)) == MAX_RIGHTS


@guarantees("P8.text_is_data")
@pytest.mark.parametrize("revoke", ["REVOKE INSERT ON a\x1b[2Jb FROM r", "REVOKE INSERT ON a\u202eb FROM r", "x" * 501])
def test_a_statement_that_cannot_be_shown_exactly_is_not_shown(revoke: str) -> None:
    """A person would copy another one than was meant; the name of the right is still told."""
    right = Right(name="INSERT on a\x1b[2Jb", revoke=revoke)
    assert revocations([right]) == ()
    assert shown([right]) == ("INSERT on a?[2Jb",)


class Mysql:
    """A server that answers `SHOW GRANTS`, with the roles that an account may take on; notes which one is on."""

    def __init__(
        self, version: str, grants: Sequence[str], roles: Mapping[str, Sequence[str]] | None = None, *, on: str = ""
    ) -> None:
        self._version = version
        self._grants = grants
        self._roles = roles or {}
        self.on = on

    def __call__(self, statement: str) -> Sequence[Mapping[str, object]]:
        if "VERSION" in statement:
            return [{"version": self._version}]
        if "CURRENT_ROLE" in statement:
            return [{"role": self.on or None}]
        if statement.startswith("SET ROLE "):
            wanted = statement.removeprefix("SET ROLE ")
            self.on = "" if wanted == "NONE" else wanted.strip("`")
            return []
        _, _, using = statement.partition(" USING ")
        more = self._roles.get(using or (f"`{self.on}`" if self.on else ""), ())
        return [{"Grants for r@%": line} for line in (*self._grants, *more)]


MARIADB, MYSQL = "10.11.18-MariaDB", "8.4.2"


@guarantees("P2.reading_account")
@pytest.mark.parametrize("version", [MARIADB, MYSQL])
@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        (
            [
                "GRANT USAGE ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD 'x'",
                "GRANT SELECT, SHOW VIEW ON `erp`.* TO `r`@`%`",
            ],
            {},
        ),
        (
            ["GRANT SELECT, INSERT ON `erp`.* TO `r`@`%`"],
            {"INSERT on `erp`.*": "REVOKE INSERT ON `erp`.* FROM `r`@`%`"},
        ),
        (
            ["GRANT SELECT (`a`, `b`), UPDATE (`a)`, `b,`) ON `erp`.`t` TO `r`@`%`"],
            {"UPDATE on `erp`.`t`": "REVOKE UPDATE (`a)`, `b,`) ON `erp`.`t` FROM `r`@`%`"},
        ),
        (
            ["GRANT ALL PRIVILEGES ON *.* TO `r`@`%` WITH GRANT OPTION"],
            {
                "ALL PRIVILEGES on *.*": "REVOKE ALL PRIVILEGES ON *.* FROM `r`@`%`",
                "GRANT OPTION on *.*": "REVOKE GRANT OPTION ON *.* FROM `r`@`%`",
            },
        ),
        (
            ["GRANT EXECUTE ON PROCEDURE `erp`.`x ON y TO z` TO `r`@`%`"],
            {
                "EXECUTE on PROCEDURE `erp`.`x ON y TO z`": (
                    "REVOKE EXECUTE ON PROCEDURE `erp`.`x ON y TO z` FROM `r`@`%`"
                )
            },
        ),
        (["GRANT PROXY ON 'a'@'%' TO 'r'@'%'"], {"PROXY on 'a'@'%'": "REVOKE PROXY ON 'a'@'%' FROM 'r'@'%'"}),
        (["GRANT SELECT ON `SELECT`.`GRANT` TO PUBLIC"], {}),
        (['GRANT DROP ON "erp".* TO "r"@"%"'], {'DROP on "erp".*': 'REVOKE DROP ON "erp".* FROM "r"@"%"'}),
        (["GRANT something that nobody knows"], {"a grant that could not be read": ""}),
        (["REVOKE INSERT ON `erp`.* FROM `r`@`%`", "SET DEFAULT ROLE `a` FOR `r`@`%`"], {}),
    ],
)
def test_grants_of_mysql_and_mariadb_are_understood(version: str, grants: list[str], expected: dict[str, str]) -> None:
    """As `SHOW GRANTS` writes them; a line that is not understood counts against the account."""
    found = rights_of("mysql", Mysql(version, grants))
    assert {right.name: right.revoke for right in found.found} == expected
    assert found.known


@guarantees("P2.reading_account")
@pytest.mark.parametrize("on", ["", "readers"])
def test_a_role_that_may_be_taken_on_counts_whether_it_is_on_or_not(on: str) -> None:
    """Whoever has the account switches it on; ours are as they were afterwards."""
    grants = ["GRANT `readers` TO `r`@`%`", "GRANT `writers`, `deep` TO `r`@`%` WITH ADMIN OPTION"]
    roles = {
        "`readers`": ["GRANT SELECT ON `erp`.* TO `readers`"],
        "`writers`": ["GRANT DELETE ON `erp`.* TO `writers`"],
        "`deep`": ["GRANT DELETE ON `erp`.* TO `deep`"],
    }
    server = Mysql(MARIADB, grants, roles, on=on)
    found = rights_of("mysql", server).found
    assert [(right.name, right.revoke) for right in found] == [
        ("ADMIN OPTION on `writers`", "REVOKE ADMIN OPTION FOR `writers` FROM `r`@`%`"),
        ("ADMIN OPTION on `deep`", "REVOKE ADMIN OPTION FOR `deep` FROM `r`@`%`"),
        ("DELETE on `erp`.*", "REVOKE `writers` FROM `r`@`%`; REVOKE `deep` FROM `r`@`%`"),
    ]
    assert server.on == on


@guarantees("P2.reading_account")
def test_a_role_of_everybody_is_told_with_what_it_may_and_not_taken_on() -> None:
    """It is always on, and MariaDB lets nobody switch to it: trying would end the look at all others."""
    grants = [
        "GRANT `all` TO PUBLIC",
        "GRANT INSERT ON `erp`.* TO `all`",
        "GRANT `more` TO `all`",
        "GRANT DELETE ON `erp`.* TO `more`",
    ]

    class Strict(Mysql):
        def __call__(self, statement: str) -> Sequence[Mapping[str, object]]:
            assert statement not in {"SET ROLE `all`", "SET ROLE `more`"}
            return super().__call__(statement)

    found = rights_of("mysql", Strict(MARIADB, grants)).found
    assert [right.name for right in found] == ["INSERT on `erp`.*", "DELETE on `erp`.*"]


@guarantees("P2.reading_account")
def test_mysql_tells_what_a_role_would_add_without_switching_it_on() -> None:
    """It names the host of a role as well."""
    roles = {"`w`@`%`": ["GRANT INSERT ON `erp`.* TO `r`@`%`"]}
    found = rights_of("mysql", Mysql(MYSQL, ["GRANT `w`@`%` TO `r`@`%`"], roles)).found
    assert found == (Right(name="INSERT on `erp`.*", revoke="REVOKE `w`@`%` FROM `r`@`%`"),)


@guarantees("P2.reading_account")
def test_a_database_that_does_not_tell_is_not_taken_for_one_that_allows_nothing() -> None:
    """`systems probe` says so, and the account is for the operator to choose."""
    assert rights_of("firebird", lambda _: []) == Rights(known=False)
    assert rights_of("mssql", lambda _: [{"may": "INSERT"}]) == Rights(found=(Right(name="INSERT"),), known=False)
    assert rights_of("oracle", lambda _: [{"may": "DELETE ANY TABLE"}]).refused
