from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from erp_mcp.adapters.sql.rights import MAX_RIGHTS, Rights, Run, mysql_excess, rights_of
from tests.guarantees import guarantees

_ROLE = {"superuser": False, "createrole": False, "createdb": False, "replication": False}


def postgresql(
    roles: Sequence[Mapping[str, object]], objects: Sequence[tuple[str, str]] = (), *, replica: bool = False
) -> Run:
    """Return what runs the statements against a made-up server."""

    def run(statement: str) -> Sequence[Mapping[str, object]]:
        if "pg_is_in_recovery" in statement:
            return [{"replica": replica}]
        if "pg_class" in statement:
            return [{"may": may, "name": name} for may, name in objects]
        return [{**_ROLE, **role} for role in roles]

    return run


@guarantees("P2.reading_account")
def test_rights_are_named_with_the_role_they_come_through() -> None:
    """So a person knows what to revoke from whom."""
    roles = [{"role": "reader", "own": True}, {"role": "ops", "own": False, "createdb": True}]
    found = rights_of("postgresql", postgresql(roles, [("INSERT on", "public.part")]))
    assert found == Rights(excess=("createdb through ops", "INSERT on public.part"))
    assert found.refused


@guarantees("P2.reading_account")
def test_a_superuser_is_told_as_one_and_nothing_else_is_looked_for() -> None:
    """It owns everything, so a list would say nothing."""
    found = rights_of("postgresql", postgresql([{"role": "root", "own": True, "superuser": True}], [("x", "y")] * 9))
    assert found.excess == ("superuser",)


@guarantees("P2.reading_account")
def test_on_a_replica_the_same_rights_do_not_refuse() -> None:
    """Nothing can be written there; they are still told."""
    roles = [{"role": "reader", "own": True, "createrole": True}]
    found = rights_of("postgresql", postgresql(roles, replica=True))
    assert (found.excess, found.refused) == (("createrole",), False)


@guarantees("P9.bounded", "P2.reading_account")
def test_the_list_of_rights_is_bounded() -> None:
    """A schema of a hundred thousand tables makes no error of a hundred thousand lines."""
    objects = [("DELETE on", f"public.t{number}") for number in range(MAX_RIGHTS + 1)]
    found = rights_of("postgresql", postgresql([{"role": "r", "own": True}], objects))
    assert (len(found.excess), found.excess[-1]) == (MAX_RIGHTS + 1, "and more")


@guarantees("P2.reading_account")
@pytest.mark.parametrize(
    ("grants", "excess"),
    [
        (
            [
                "GRANT USAGE ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD 'x'",
                "GRANT SELECT, SHOW VIEW ON `erp`.* TO `r`@`%`",
            ],
            [],
        ),
        (["GRANT SELECT, INSERT ON `erp`.* TO `r`@`%`"], ["INSERT on `erp`.*"]),
        (["GRANT SELECT (a, b), UPDATE (a) ON `erp`.`t` TO `r`@`%`"], ["UPDATE on `erp`.`t`"]),
        (
            ["GRANT ALL PRIVILEGES ON *.* TO `r`@`%` WITH GRANT OPTION"],
            ["ALL PRIVILEGES on *.*", "GRANT OPTION on *.*"],
        ),
        (["GRANT `readers` TO `r`@`%`", "GRANT SELECT ON `erp`.* TO `readers`"], []),
    ],
)
def test_grants_of_mysql_and_mariadb_are_understood(grants: list[str], excess: list[str]) -> None:
    """As `SHOW GRANTS` writes them."""
    assert mysql_excess(grants) == excess
    assert rights_of("mysql", lambda _: [{"Grants for r@%": line} for line in grants]).excess == tuple(excess)


@guarantees("P2.reading_account")
@pytest.mark.parametrize(
    ("grants", "known"),
    [
        (["GRANT SELECT ON `erp`.* TO `r`@`%`"], True),
        (["GRANT `readers` TO `r`@`%`", "GRANT SELECT ON `erp`.* TO `readers`"], True),
        (["GRANT SELECT ON `erp`.* TO `r`@`%`", "GRANT `writers`@`%` TO `r`@`%`"], False),
        (["GRANT `a`@`%`,`b`@`%` TO `r`@`%`", "GRANT SELECT ON `erp`.* TO `a`@`%`"], False),
    ],
)
def test_a_role_that_was_granted_and_is_not_told_may_allow_anything(grants: list[str], *, known: bool) -> None:
    """MySQL tells the rights of roles that are switched on alone; whoever has the account switches on the others."""
    assert rights_of("mysql", lambda _: [{"Grants for r@%": line} for line in grants]) == Rights(known=known)


@guarantees("P2.reading_account")
def test_a_database_that_does_not_tell_is_not_taken_for_one_that_allows_nothing() -> None:
    """`systems probe` says so, and the account is for the operator to choose."""
    assert rights_of("firebird", lambda _: []) == Rights(known=False)
    assert rights_of("mssql", lambda _: [{"may": "INSERT"}]) == Rights(excess=("INSERT",), known=False)
    assert rights_of("oracle", lambda _: [{"may": "DELETE ANY TABLE"}]).refused
