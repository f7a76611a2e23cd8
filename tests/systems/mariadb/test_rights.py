"""Which accounts of MariaDB are refused, by which names their rights are told, and what takes these away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from erp_mcp.errors import AccountTooPowerfulError
from tests.guarantees import guarantees
from tests.systems.mariadb.conftest import ACCOUNT, DATABASE, Open
from tests.systems.mariadb.server import Rig

pytestmark = pytest.mark.live

_MAY: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "insert": (("GRANT INSERT ON plant.part TO reader",), "INSERT on `plant`.`part`"),
    "one column": (("GRANT UPDATE (note, unit) ON plant.part TO reader",), "UPDATE on `plant`.`part`"),
    "a whole database": (("GRANT DELETE ON plant.* TO reader",), "DELETE on `plant`.*"),
    "everything": (("GRANT ALL ON plant.* TO reader",), "ALL PRIVILEGES on `plant`.*"),
    "files": (("GRANT FILE ON *.* TO reader",), "FILE on *.*"),
    "temporary tables": (
        ("GRANT CREATE TEMPORARY TABLES ON plant.* TO reader",),
        "CREATE TEMPORARY TABLES on `plant`.*",
    ),
    "locks": (("GRANT LOCK TABLES ON plant.* TO reader",), "LOCK TABLES on `plant`.*"),
    "settings of the server": (("GRANT SUPER ON *.* TO reader",), "SUPER on *.*"),
    "accounts": (("GRANT CREATE USER ON *.* TO reader",), "CREATE USER on *.*"),
    "to give on": (("GRANT SELECT ON plant.* TO reader WITH GRANT OPTION",), "GRANT OPTION on `plant`.*"),
    "a procedure": (
        ("CREATE PROCEDURE plant.post() DELETE FROM plant.part", "GRANT EXECUTE ON PROCEDURE plant.post TO reader"),
        "EXECUTE on PROCEDURE `plant`.`post`",
    ),
    "a function": (
        (
            "CREATE FUNCTION plant.told() RETURNS int RETURN 1",
            "GRANT EXECUTE ON FUNCTION plant.told TO reader",
        ),
        "EXECUTE on FUNCTION `plant`.`told`",
    ),
    "everybody": (("GRANT UPDATE ON plant.part TO PUBLIC",), "UPDATE on `plant`.`part`"),
    "a role": (("GRANT INSERT ON plant.part TO writers", "GRANT writers TO reader"), "INSERT on `plant`.`part`"),
    "a role that is on": (
        ("GRANT INSERT ON plant.part TO writers", "GRANT writers TO reader", "SET DEFAULT ROLE writers FOR reader"),
        "INSERT on `plant`.`part`",
    ),
    "a role of a role": (
        ("GRANT DROP ON plant.* TO deeper", "GRANT deeper TO writers", "GRANT writers TO reader"),
        "DROP on `plant`.*",
    ),
    "a role of everybody": (
        ("GRANT INSERT ON plant.part TO deeper", "GRANT deeper TO writers", "GRANT writers TO PUBLIC"),
        "INSERT on `plant`.`part`",
    ),
    "a role of an odd name": (
        ("CREATE ROLE `:odd`", "GRANT INSERT ON plant.part TO `:odd`", "GRANT `:odd` TO reader"),
        "INSERT on `plant`.`part`",
    ),
    "a role to give on": (("GRANT writers TO reader WITH ADMIN OPTION",), "ADMIN OPTION on `writers`"),
    "another account": (("GRANT PROXY ON admin TO reader",), "PROXY on `admin`@`%`"),
}


@pytest.fixture
def other(plant: Rig) -> Iterator[Rig]:
    """A plant with roles `writers` and `deeper`; both are gone at the end."""
    plant.run("mysql", "DROP ROLE IF EXISTS writers, deeper, `:odd`", "CREATE ROLE writers", "CREATE ROLE deeper")
    yield plant
    plant.run("mysql", "DROP ROLE IF EXISTS writers, deeper, `:odd`", "GRANT UPDATE ON plant.part TO PUBLIC")
    plant.run("mysql", "REVOKE UPDATE ON plant.part FROM PUBLIC")


@guarantees("P2.reading_account")
@pytest.mark.parametrize("how", sorted(_MAY))
async def test_an_account_that_can_write_is_refused_until_the_statements_told_were_run(
    other: Rig, opens: Open, how: str
) -> None:
    """However it came by the right; nothing is read with it, and whoever administers is told exactly what to do."""
    statements, right = _MAY[how]
    other.run("mysql", *statements)
    one = opens()
    with pytest.raises(AccountTooPowerfulError) as caught:
        await one.read("material", ["A"])
    found = await one.introspect()
    # Servers differ in how they quote accounts: 10.11.18 and before as 'admin'@'%'.
    assert right in {one.replace("'", "`") for one in found.excess}
    assert not found.usable
    assert caught.value.json_facts["rights"] == list(found.excess)
    assert caught.value.json_facts["revoke"] == list(found.revoke)
    other.run("mysql", *found.revoke)
    if how == "everything":
        other.run("mysql", f"GRANT SELECT ON {DATABASE}.* TO {ACCOUNT}")
    await one.close()
    assert [record.source_key for record in await one.read("material", ["A"])] == ["A"]
    assert (await one.introspect()).excess == ()


@guarantees("P2.reading_account")
async def test_an_account_that_can_only_read_is_used(other: Rig, opens: Open) -> None:
    """Also by a role that only reads; and its roles stay as they are."""
    other.run(
        "mysql",
        "GRANT SELECT ON plant.* TO writers",
        "GRANT writers TO reader",
        "SET DEFAULT ROLE writers FOR reader",
        "REVOKE SELECT ON plant.* FROM reader",
        "GRANT PROCESS, SHOW DATABASES ON *.* TO reader",
    )
    one = opens()
    assert [record.source_key for record in await one.read("material", ["A"])] == ["A"]
    told = (await one.introspect()).told
    assert (told["product"], told["rights"]) == ("MariaDB", "none found beside reading")
    assert told["version"].startswith(".".join(other.version.split(".")[:2]))
    assert told["account"] == f"{ACCOUNT}@%"


@guarantees("P2.reading_account")
async def test_a_right_given_later_is_found_on_the_next_connection(other: Rig, opens: Open) -> None:
    """Connections are made anew every quarter of an hour."""
    one = opens()
    await one.read("material", ["A"])
    other.run("mysql", "GRANT INSERT ON plant.part TO reader")
    await one.close()
    with pytest.raises(AccountTooPowerfulError):
        await one.read("material", ["A"])
