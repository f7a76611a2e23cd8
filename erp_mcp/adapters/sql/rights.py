"""What an account may do beside reading, asked of the database itself.

PostgreSQL is asked for what `postgresql_rights` lists, in the database that is connected to. MySQL and MariaDB tell
their grants, SQL Server and Oracle those of the session; of any other dialect nothing is known, which is said and not
taken for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters.sql.mysql_rights import mysql_rights
from erp_mcp.adapters.sql.postgresql_rights import postgresql_rights
from erp_mcp.adapters.sql.right import Right

MAX_RIGHTS: Final = 50  # named; an account that has more has too many
_MAX_NAME: Final = 120
_MAX_STATEMENT: Final = 500

Run = Callable[[str], Sequence[Mapping[str, object]]]
"""Runs one of the statements below and returns its rows by column name."""

_MSSQL: Final = """
SELECT permission_name AS may FROM fn_my_permissions(NULL, 'DATABASE')
 WHERE permission_name IN ('INSERT', 'UPDATE', 'DELETE', 'ALTER', 'CONTROL', 'EXECUTE', 'CREATE TABLE',
                           'TAKE OWNERSHIP')
UNION SELECT 'sysadmin' WHERE IS_SRVROLEMEMBER('sysadmin') = 1
UNION SELECT 'db_datawriter' WHERE IS_ROLEMEMBER('db_datawriter') = 1"""
_ORACLE: Final = """
SELECT privilege AS may FROM session_privs
 WHERE REGEXP_LIKE(privilege, '^(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|GRANT|EXECUTE) ')
   AND privilege <> 'CREATE SESSION'
UNION SELECT privilege || ' on ' || owner || '.' || table_name FROM user_tab_privs
 WHERE grantee = USER AND privilege IN ('INSERT', 'UPDATE', 'DELETE', 'ALTER')
UNION SELECT privilege || ' on ' || owner || '.' || table_name || ' through ' || role FROM role_tab_privs
 WHERE privilege IN ('INSERT', 'UPDATE', 'DELETE', 'ALTER')
UNION SELECT 'owner of ' || table_name FROM user_tables"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the account may do beside reading; `known` says whether the database told all that is asked for.

    `everybody` is what the server itself lets everybody do and that touches no data: it is told and refuses nobody.
    `replica` marks a database in recovery: its tables can't be written to, whatever the account may do elsewhere.
    """

    found: tuple[Right, ...] = ()
    everybody: tuple[Right, ...] = ()
    known: bool = True
    replica: bool = False

    @property
    def barring(self) -> tuple[Right, ...]:
        """The rights for which this account is not used here: on a replica those that it does not stop."""
        return tuple(right for right in self.found if right.everywhere or not self.replica)

    @property
    def excess(self) -> tuple[str, ...]:
        """Names of all in `found`, fit to be shown and not too many."""
        return shown(self.found)

    @property
    def refused(self) -> bool:
        """Whether this account must not be used here."""
        return bool(self.barring)


def rights_of(dialect: str, run: Run, *, called: frozenset[str] = frozenset()) -> Rights:
    """Return the rights of the account that `run` is signed in with.

    Args:
        dialect: What SQLAlchemy calls the database.
        run: Runs a statement.
        called: Names of functions that the profile's own statements call.
    """
    if dialect == "postgresql":
        found, replica = postgresql_rights(run, called=called)
        own = tuple(right for right in found if not right.everybody)
        return Rights(found=own, everybody=tuple(right for right in found if right.everybody), replica=replica)
    if dialect in {"mysql", "mariadb"}:
        return Rights(found=mysql_rights(run))
    if dialect in {"mssql", "oracle"}:
        rows = run(_MSSQL if dialect == "mssql" else _ORACLE)
        names = sorted(str(next(iter(row.values()))) for row in rows)
        return Rights(found=tuple(Right(name=name) for name in names), known=dialect == "oracle")
    return Rights(known=False)


def shown(rights: Sequence[Right]) -> tuple[str, ...]:
    """Return names fit to be shown: they are the database's, so nobody vouches for what is in them."""
    names = [_tamed(right.name)[:_MAX_NAME] for right in rights[:MAX_RIGHTS]]
    return (*names, "and more") if len(rights) > MAX_RIGHTS else tuple(names)


def revocations(rights: Sequence[Right]) -> tuple[str, ...]:
    """Return the statements that take rights away, each once; one that can't be shown exactly is left out."""
    texts = dict.fromkeys(right.revoke for right in rights[:MAX_RIGHTS] if right.revoke)
    return tuple(text for text in texts if len(text) <= _MAX_STATEMENT and _tamed(text) == text)


def _tamed(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)
