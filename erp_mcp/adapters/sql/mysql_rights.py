"""What an account of MariaDB or MySQL may do beside reading, by what `SHOW GRANTS` says.

That is the account's own grants, those of PUBLIC (MariaDB), and of each role that it may take on, switched on or not.
Rights that are in no grant are not seen, as those on `test` that old servers give to everybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters.sql.right import Right, once

Row = Mapping[str, object]
Run = Callable[[str], Sequence[Row]]

_READING: Final = frozenset({"SELECT", "USAGE", "SHOW VIEW", "SHOW DATABASES", "SHOW CREATE ROUTINE", "PROCESS",
                             "REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR",
                             "REFERENCES"})  # fmt: skip
_QUOTED: Final = r"""(?:`(?:[^`]|``)*`|"(?:[^"]|"")*"|'(?:[^'\\]|''|\\.)*')"""  # " where the mode has ANSI_QUOTES
_WHO: Final = rf"{_QUOTED}(?:@{_QUOTED})?|PUBLIC"
_WHERE: Final = rf"(?:[A-Z ]+ )?(?:{_QUOTED}|\*)(?:[.@](?:{_QUOTED}|\*))?"
_COLUMNS: Final = rf"""\((?:{_QUOTED}|[^)`"'])*\)"""
_WHAT: Final = rf"[A-Z_ ]+(?:{_COLUMNS})?(?:, ?[A-Z_ ]+(?:{_COLUMNS})?)*"
_GRANT: Final = re.compile(rf"GRANT (?P<what>{_WHAT}) ON (?P<where>{_WHERE}) TO (?P<who>{_WHO})(?P<more>.*)", re.DOTALL)
_ROLE: Final = re.compile(rf"GRANT (?P<roles>(?:{_WHO})(?:, ?(?:{_WHO}))*) TO (?P<who>{_WHO})(?P<more>.*)", re.DOTALL)
_PRIVILEGE: Final = re.compile(rf"\s*([A-Z_ ]+?)\s*({_COLUMNS})?\s*(?:,|$)")
_ONE: Final = re.compile(_WHO)
_ACCOUNT: Final = re.compile(rf"{_QUOTED}@{_QUOTED}")
_NOT_READ: Final = Right(name="a grant that could not be read")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grants:
    """What lines of `SHOW GRANTS` say: rights beside reading, and roles with who has them."""

    rights: tuple[Right, ...]
    roles: tuple[tuple[str, str], ...]


def mysql_rights(run: Run) -> tuple[Right, ...]:
    """Return the rights of the account that `run` is signed in with; its roles are as they were afterwards."""
    version = _first(run("SELECT VERSION() AS version"))
    return once(_of_mariadb(run) if "MARIADB" in version.upper() else _of_mysql(run))


def _of_mariadb(run: Run) -> list[Right]:
    """Take on one role after the other: MariaDB tells the grants of the one that is switched on."""
    before = _first(run("SELECT CURRENT_ROLE() AS role"))
    try:
        run("SET ROLE NONE")
        own = _read(_lines(run("SHOW GRANTS")))
        found = list(own.rights)
        for role, who in own.roles:
            if not _ACCOUNT.fullmatch(
                who
            ):  # PUBLIC's, or a role's of PUBLIC: always on, so its grants are told already
                continue
            run(f"SET ROLE {role}")
            found += _through(role, who, _read(_lines(run("SHOW GRANTS"))), own)
    finally:
        run(f"SET ROLE {_quoted(before)}" if before else "SET ROLE NONE")
    return found


def _of_mysql(run: Run) -> list[Right]:
    """Ask what each role would add: MySQL tells it without switching it on."""
    own = _read(_lines(run("SHOW GRANTS FOR CURRENT_USER()")))
    found = list(own.rights)
    for role, who in own.roles:
        found += _through(role, who, _read(_lines(run(f"SHOW GRANTS FOR CURRENT_USER() USING {role}"))), own)
    return found


def _through(role: str, who: str, grants: _Grants, own: _Grants) -> list[Right]:
    """Return what comes by a role alone; taking the role away leaves it to others who need it."""
    known = {right.name for right in own.rights}
    leave = f"REVOKE {role} FROM {who}"
    return [Right(name=right.name, revoke=leave) for right in grants.rights if right.name not in known]


def _read(lines: Sequence[str]) -> _Grants:
    rights: list[Right] = []
    roles: list[tuple[str, str]] = []
    for line in lines:
        if given := _GRANT.match(line):
            rights += _of_line(given)
        elif granted := _ROLE.match(line):
            names = _ONE.findall(granted["roles"])
            roles += [(name, granted["who"]) for name in names]
            rights += [_passed_on(name, granted["who"]) for name in names if "ADMIN OPTION" in granted["more"].upper()]
        elif line.upper().startswith("GRANT "):
            rights.append(_NOT_READ)
    return _Grants(rights=tuple(rights), roles=tuple(dict.fromkeys(roles)))


def _of_line(given: re.Match[str]) -> list[Right]:
    where, who = given["where"], given["who"]
    found: list[Right] = []
    for word, columns in _PRIVILEGE.findall(given["what"]):
        if word and word not in _READING:
            revoke = f"REVOKE {word}{' ' + columns if columns else ''} ON {where} FROM {who}"
            found.append(Right(name=f"{word} on {where}", revoke=revoke))
    if "GRANT OPTION" in given["more"].upper():
        found.append(Right(name=f"GRANT OPTION on {where}", revoke=f"REVOKE GRANT OPTION ON {where} FROM {who}"))
    return found


def _passed_on(role: str, who: str) -> Right:
    return Right(name=f"ADMIN OPTION on {role}", revoke=f"REVOKE ADMIN OPTION FOR {role} FROM {who}")


def _lines(rows: Sequence[Row]) -> list[str]:
    return [str(next(iter(row.values()))) for row in rows]


def _first(rows: Sequence[Row]) -> str:
    value = next(iter(rows[0].values()))
    return "" if value is None else str(value)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
