"""What an account may do beside reading, asked of the database itself.

PostgreSQL tells all of it for the database that is connected to. MySQL and MariaDB tell their grants, SQL Server and
Oracle those of the session; of any other dialect nothing is known, which is said and not taken for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_RIGHTS: Final = 50  # named; an account that has more has too many
_MAX_NAME: Final = 120

Run = Callable[[str], Sequence[Mapping[str, object]]]
"""Runs one of the statements below and returns its rows by column name."""

_WRITING_ROLES: Final = frozenset(
    {
        "pg_write_all_data",
        "pg_write_server_files",
        "pg_execute_server_program",
        "pg_signal_backend",
        "pg_maintain",
        "pg_create_subscription",
    }
)
_ATTRIBUTES: Final = ("superuser", "createrole", "createdb", "replication")
_ROLES: Final = """
SELECT rolname AS role, rolname = current_user AS own, rolsuper AS superuser, rolcreaterole AS createrole,
       rolcreatedb AS createdb, rolreplication AS replication
  FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(current_user, oid, 'MEMBER')"""
# Every role that the account can act as, and what each of them may do to what is not the server's own. Tables without
# a list of rights are their owner's alone, so the others are looked at only where there is such a list.
_OBJECTS: Final = """
WITH mine AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(current_user, oid, 'MEMBER')
), spaces AS (
  SELECT oid, nspname, nspowner FROM pg_catalog.pg_namespace
   WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), things AS (
  SELECT c.oid, c.relowner, c.relkind, s.oid AS space, s.nspname || '.' || c.relname AS name,
         c.relacl IS NOT NULL OR EXISTS (
           SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL) AS listed
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
)
SELECT 'owner of database' AS may, d.datname AS name
  FROM pg_catalog.pg_database d JOIN mine ON mine.oid = d.datdba WHERE d.datname = current_database()
UNION
SELECT 'CREATE on database', current_database() FROM mine
 WHERE pg_catalog.has_database_privilege(mine.oid, current_database(), 'CREATE')
UNION
SELECT 'owner of schema', s.nspname FROM spaces s JOIN mine ON mine.oid = s.nspowner
UNION
SELECT 'CREATE on schema', s.nspname FROM spaces s, mine
 WHERE s.nspowner <> mine.oid AND pg_catalog.has_schema_privilege(mine.oid, s.oid, 'CREATE')
UNION
SELECT 'owner of', t.name FROM things t JOIN mine ON mine.oid = t.relowner
UNION
SELECT p.may || ' on', t.name
  FROM things t, mine, pg_catalog.unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS p (may)
 WHERE t.relkind <> 'S' AND t.listed AND t.relowner <> mine.oid
   AND pg_catalog.has_schema_privilege(mine.oid, t.space, 'USAGE')
   AND (pg_catalog.has_table_privilege(mine.oid, t.oid, p.may)
        OR p.may IN ('INSERT', 'UPDATE') AND pg_catalog.has_any_column_privilege(mine.oid, t.oid, p.may))
UNION
SELECT p.may || ' on sequence', t.name
  FROM things t, mine, pg_catalog.unnest(ARRAY['USAGE', 'UPDATE']) AS p (may)
 WHERE t.relkind = 'S' AND t.listed AND t.relowner <> mine.oid
   AND pg_catalog.has_schema_privilege(mine.oid, t.space, 'USAGE')
   AND pg_catalog.has_sequence_privilege(mine.oid, t.oid, p.may)
UNION
SELECT a.privilege_type || CASE d.defaclobjtype WHEN 'S' THEN ' on later sequences of'
                                                WHEN 'n' THEN ' on later schemas of' ELSE ' on later tables of' END,
       pg_catalog.pg_get_userbyid(d.defaclrole)
  FROM pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) a
 WHERE d.defaclobjtype IN ('r', 'S', 'n') AND a.grantee <> d.defaclrole
   AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM mine))
   AND (a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'CREATE')
        OR d.defaclobjtype = 'S' AND a.privilege_type = 'USAGE')
 ORDER BY 1, 2 LIMIT 51"""

_READING: Final = frozenset({"SELECT", "USAGE", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "REPLICATION CLIENT",
                             "BINLOG MONITOR", "SLAVE MONITOR", "REFERENCES"})  # fmt: skip
_GRANT: Final = re.compile(r"GRANT (?P<what>.+?) ON (?P<where>.+?) TO ", re.IGNORECASE | re.DOTALL)
_ROLE: Final = re.compile(r"GRANT (?P<roles>(?:(?! ON ).)+?) TO ", re.IGNORECASE | re.DOTALL)
_COLUMNS: Final = re.compile(r"\([^)]*\)")
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
    """What the account could change, by name; `known` says whether the database told everything it has.

    `replica` marks a database in recovery: nothing can be written to it, whatever the account may do elsewhere.
    """

    excess: tuple[str, ...] = ()
    known: bool = True
    replica: bool = False

    @property
    def refused(self) -> bool:
        """Whether this account must not be used here."""
        return bool(self.excess) and not self.replica


def rights_of(dialect: str, run: Run) -> Rights:
    """Return the rights of the account that `run` is signed in with."""
    if dialect == "postgresql":
        return _postgresql(run)
    if dialect in {"mysql", "mariadb"}:
        grants = [_text(row, 0) for row in run("SHOW GRANTS")]
        return Rights(excess=_cut(mysql_excess(grants)), known=not _untold_roles(grants))
    if dialect in {"mssql", "oracle"}:
        rows = run(_MSSQL if dialect == "mssql" else _ORACLE)
        return Rights(excess=_cut(sorted(_text(row, 0) for row in rows)), known=dialect == "oracle")
    return Rights(known=False)


def mysql_excess(grants: Sequence[str]) -> list[str]:
    """Return what lines of `SHOW GRANTS` allow beside reading."""
    found: list[str] = []
    for line in grants:
        parts = _GRANT.match(line)
        if parts is None:  # a role is granted without ON; what it allows comes in lines of its own
            continue
        words = [word.strip().upper() for word in _COLUMNS.sub("", parts["what"]).split(",")]
        found += [f"{word} on {parts['where']}" for word in words if word not in _READING]
        if "WITH GRANT OPTION" in line.upper():
            found.append(f"GRANT OPTION on {parts['where']}")
    return found


def _untold_roles(grants: Sequence[str]) -> set[str]:
    """Return the roles that were granted and of which no line says what they allow: `SET ROLE` may take them on."""
    granted = {name.strip() for line in grants if (found := _ROLE.match(line)) for name in found["roles"].split(",")}
    return {name for name in granted if not any(_GRANT.match(line) and f" TO {name}" in line for line in grants)}


def _postgresql(run: Run) -> Rights:
    replica = any(row["replica"] is True for row in run("SELECT pg_catalog.pg_is_in_recovery() AS replica"))
    roles = run(_ROLES)
    own = next((row for row in roles if row["own"]), None)
    if own is not None and own["superuser"]:  # a superuser is a member of everything: there is nothing to list
        return Rights(excess=("superuser",), replica=replica)
    found: list[str] = []
    for row in roles:
        through = "" if row["own"] else f" through {row['role']}"
        found += [f"{name}{through}" for name in _ATTRIBUTES if row[name]]
        found += [f"member of {row['role']}"] if row["role"] in _WRITING_ROLES else []
    if not any(name.startswith("superuser") for name in found):
        found += [f"{row['may']} {row['name']}" for row in run(_OBJECTS)]
    return Rights(excess=_cut(found), replica=replica)


def _text(row: Mapping[str, object], place: int) -> str:
    return str(list(row.values())[place])


def _cut(names: Sequence[str]) -> tuple[str, ...]:
    """Return names fit to be shown: they are the database's, so nobody vouches for what is in them."""
    shown = ["".join(sign if sign.isprintable() else "?" for sign in name)[:_MAX_NAME] for name in names[:MAX_RIGHTS]]
    return (*shown, "and more") if len(names) > MAX_RIGHTS else tuple(shown)
