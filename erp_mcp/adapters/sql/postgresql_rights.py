"""What an account of PostgreSQL may do beside reading, and the statements that take it away.

Looked at is the role that signed in, with every role that it can act as, inherited or not, and PUBLIC. Rights are read
from the lists of the catalogue, so that each is known with the role it was given to. Of the schemas pg_catalog and
information_schema only functions count: those that make large objects, and those that somebody gave out later.

Two things the server gives to everybody when it is made, and where somebody else runs it nobody can take them back:
temporary tables, and the functions that make large objects. They touch no data of anybody, so held through PUBLIC they
are marked as everybody's; given to the account or to a role of its own they count as any other right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from erp_mcp.adapters.sql.right import Right, once

Row = Mapping[str, object]
Run = Callable[[str], Sequence[Row]]
"""Runs one of the statements below and returns its rows by column name."""

MOST_ROWS: Final = 500  # of one statement; far more than are ever named
_PARAMETERS_SINCE: Final = 150000  # the version whose parameters have lists of rights

_ROLES_THAT_ACT: Final = {
    "pg_write_all_data": False,
    "pg_maintain": False,
    "pg_create_subscription": False,
    "pg_read_server_files": True,
    "pg_write_server_files": True,
    "pg_execute_server_program": True,
    "pg_signal_backend": True,
    "pg_signal_autovacuum_worker": True,
    "pg_checkpoint": True,
    "pg_use_reserved_connections": True,
}
"""Roles of the server that do more than read tables, and whether they do it on a replica as well."""

_ATTRIBUTES: Final = {"superuser": True, "createrole": False, "createdb": False, "replication": True}
"""The same for what a role is."""

# `leave` ends the membership that a right comes through; rights of a group are other people's as well.
_MINE: Final = """
WITH mine AS (
  SELECT r.oid, r.rolname AS name,
         CASE WHEN r.rolname = session_user THEN NULL ELSE (
           SELECT pg_catalog.string_agg(
                    pg_catalog.format('REVOKE %I FROM %I', d.rolname, m.rolname), '; ' ORDER BY d.rolname)
             FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles d ON d.oid = a.roleid
             JOIN pg_catalog.pg_roles m ON m.oid = a.member AND m.rolname = session_user
            WHERE pg_catalog.pg_has_role(d.oid, r.oid, 'MEMBER')) END AS leave
    FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
), grantee AS (
  SELECT oid, leave, pg_catalog.quote_ident(name) AS who FROM mine UNION ALL SELECT 0, NULL, 'PUBLIC'
), space AS (
  SELECT n.oid, n.nspname AS name, n.nspowner AS owner, n.nspacl AS acl,
         EXISTS (SELECT FROM mine WHERE pg_catalog.has_schema_privilege(mine.oid, n.oid, 'USAGE')) AS open,
         n.nspname ~ '^pg_' OR n.nspname = 'information_schema' AS ours
    FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_(temp|toast)'
)"""

ROLES: Final = f"""{_MINE}
SELECT r.rolname AS role, r.rolname = session_user AS own, r.rolsuper AS superuser, r.rolcreaterole AS createrole,
       r.rolcreatedb AS createdb, r.rolreplication AS replication, mine.leave AS leave,
       pg_catalog.quote_ident(r.rolname) AS quoted
  FROM pg_catalog.pg_roles r JOIN mine ON mine.oid = r.oid ORDER BY own DESC, role"""

# Tables without a list of rights are their owner's alone.
OBJECTS: Final = f"""{_MINE}, thing AS (
  SELECT c.oid, c.relowner AS owner, c.relacl AS acl, s.name || '.' || c.relname AS name, s.open,
         pg_catalog.format('%I.%I', s.name, c.relname) AS quoted, c.relkind = 'S' AS sequence,
         CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                        WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind
    FROM pg_catalog.pg_class c JOIN space s ON s.oid = c.relnamespace AND NOT s.ours
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), owned (may, name, revoke, role) AS (
  SELECT 'owner of database', d.datname::text,
         pg_catalog.format('ALTER DATABASE %I OWNER TO CURRENT_USER', d.datname), d.datdba
    FROM pg_catalog.pg_database d
  UNION ALL
  SELECT 'owner of schema', name::text, pg_catalog.format('ALTER SCHEMA %I OWNER TO CURRENT_USER', name), owner
    FROM space
  UNION ALL
  SELECT 'owner of', name, pg_catalog.format('ALTER %s %s OWNER TO CURRENT_USER', kind, quoted), owner FROM thing
  UNION ALL
  SELECT 'owner of ' || i.type, i.identity,
         pg_catalog.format('REASSIGN OWNED BY %I TO CURRENT_USER', mine.name), d.refobjid
    FROM pg_catalog.pg_shdepend d JOIN mine ON mine.oid = d.refobjid,
         pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) i
   WHERE d.deptype = 'o' AND d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
     AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
     AND d.classid NOT IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_default_acl'::pg_catalog.regclass,
                           'pg_catalog.pg_namespace'::pg_catalog.regclass,
                           'pg_catalog.pg_user_mapping'::pg_catalog.regclass,
                           'pg_catalog.pg_database'::pg_catalog.regclass)
), granted (may, kind, name, quoted, owner, grantee) AS (
  SELECT a.privilege_type, 'database ', d.datname::text, pg_catalog.quote_ident(d.datname), d.datdba, a.grantee
    FROM pg_catalog.pg_database d,
         pg_catalog.aclexplode(COALESCE(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
   WHERE d.datname = current_database() AND a.privilege_type IN ('CREATE', 'TEMPORARY')
  UNION ALL
  SELECT a.privilege_type, 'schema ', s.name::text, pg_catalog.quote_ident(s.name), s.owner, a.grantee
    FROM space s, pg_catalog.aclexplode(s.acl) a WHERE a.privilege_type = 'CREATE'
  UNION ALL
  SELECT a.privilege_type, CASE WHEN t.sequence THEN 'sequence ' ELSE '' END, t.name, t.quoted, t.owner, a.grantee
    FROM thing t, pg_catalog.aclexplode(t.acl) a
   WHERE t.open AND a.privilege_type = ANY (CASE WHEN t.sequence THEN ARRAY['USAGE', 'UPDATE']
     ELSE ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'MAINTAIN'] END)
  UNION ALL
  SELECT a.privilege_type, '', t.name, t.quoted, t.owner, a.grantee
    FROM thing t JOIN pg_catalog.pg_attribute c ON c.attrelid = t.oid, pg_catalog.aclexplode(c.attacl) a
   WHERE t.open AND a.privilege_type IN ('INSERT', 'UPDATE')
  UNION ALL
  SELECT a.privilege_type, 'large object ', l.oid::text, l.oid::text, l.lomowner, a.grantee
    FROM pg_catalog.pg_largeobject_metadata l, pg_catalog.aclexplode(l.lomacl) a WHERE a.privilege_type = 'UPDATE'
  UNION ALL
  SELECT a.privilege_type, 'foreign server ', f.srvname::text, pg_catalog.quote_ident(f.srvname), f.srvowner, a.grantee
    FROM pg_catalog.pg_foreign_server f, pg_catalog.aclexplode(f.srvacl) a
  UNION ALL
  SELECT a.privilege_type, 'foreign data wrapper ', w.fdwname::text, pg_catalog.quote_ident(w.fdwname), w.fdwowner,
         a.grantee
    FROM pg_catalog.pg_foreign_data_wrapper w, pg_catalog.aclexplode(w.fdwacl) a
  UNION ALL
  SELECT a.privilege_type, 'tablespace ', s.spcname::text, pg_catalog.quote_ident(s.spcname), s.spcowner, a.grantee
    FROM pg_catalog.pg_tablespace s, pg_catalog.aclexplode(s.spcacl) a
)
SELECT o.may, o.name, COALESCE(mine.leave, o.revoke) AS revoke, false AS everybody
  FROM owned o JOIN mine ON mine.oid = o.role
UNION
SELECT pg_catalog.rtrim(g.may || ' on ' || g.kind), g.name,
       COALESCE(e.leave, pg_catalog.format(
         'REVOKE %s ON %s%s FROM %s', g.may, pg_catalog.upper(g.kind), g.quoted, e.who)),
       g.may = 'TEMPORARY' AND g.grantee = 0
  FROM granted g JOIN grantee e ON e.oid = g.grantee WHERE g.grantee <> g.owner
UNION
SELECT 'user mapping on server', u.srvname,
       COALESCE(mine.leave, pg_catalog.format('DROP USER MAPPING FOR %I SERVER %I', mine.name, u.srvname)), false
  FROM pg_catalog.pg_user_mappings u JOIN mine ON mine.oid = u.umuser
UNION
SELECT a.privilege_type || ' on later ' || pg_catalog.lower(k.plural) || ' of',
       pg_catalog.pg_get_userbyid(d.defaclrole),
       COALESCE(e.leave, pg_catalog.format(
         'ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON %s FROM %s', pg_catalog.pg_get_userbyid(d.defaclrole),
         (SELECT pg_catalog.format(' IN SCHEMA %I', s.nspname) FROM pg_catalog.pg_namespace s
           WHERE s.oid = d.defaclnamespace), a.privilege_type, k.plural, e.who)), false
  FROM pg_catalog.pg_default_acl d
  JOIN (VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('n', 'SCHEMAS')) k (kind, plural)
    ON k.kind = d.defaclobjtype::text,
       pg_catalog.aclexplode(d.defaclacl) a JOIN grantee e ON e.oid = a.grantee
 WHERE a.grantee <> d.defaclrole
   AND (a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'MAINTAIN', 'CREATE')
        OR d.defaclobjtype = 'S' AND a.privilege_type = 'USAGE')
 ORDER BY 1, 2, 3 LIMIT {MOST_ROWS}"""

# A function in a language that is not trusted does what the server's own user may; those in C came with the server or
# an extension. One that its list says was not everybody's when it was made was given out by somebody.
ROUTINES: Final = f"""{_MINE}
SELECT DISTINCT p.proname AS called, p.prosecdef AND NOT untrusted.it AND NOT kept.it AND NOT remote.it AS definer,
       s.name || '.' || p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS name,
       CASE WHEN untrusted.it THEN ' in ' || l.lanname
            WHEN p.prosecdef THEN ' as ' || pg_catalog.pg_get_userbyid(p.proowner) ELSE '' END AS told,
       COALESCE(e.leave, pg_catalog.format('REVOKE EXECUTE ON ROUTINE %I.%I(%s) FROM %s', s.name, p.proname,
                                           pg_catalog.pg_get_function_identity_arguments(p.oid), e.who)) AS revoke,
       NOT makes.it AS everywhere, makes.it AND a.grantee = 0 AS everybody
  FROM pg_catalog.pg_proc p JOIN space s ON s.oid = p.pronamespace AND s.open
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang,
       LATERAL (SELECT NOT l.lanpltrusted AND l.lanname NOT IN ('c', 'internal') AND NOT s.ours) untrusted (it),
       LATERAL (SELECT p.prosecdef AND NOT s.ours AND p.proowner NOT IN (SELECT oid FROM mine)) definer (it),
       LATERAL (SELECT s.name = 'pg_catalog' AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea')) makes (it),
       LATERAL (SELECT EXISTS (
         SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
          WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
            AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
            AND x.extname = 'dblink' AND p.proname IN ('dblink', 'dblink_exec', 'dblink_connect', 'dblink_connect_u')
       )) remote (it),
       pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
       JOIN grantee e ON e.oid = a.grantee,
       LATERAL (SELECT EXISTS (
         SELECT FROM pg_catalog.pg_init_privs i
          WHERE i.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND i.objoid = p.oid AND i.objsubid = 0
            AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(i.initprivs) b WHERE b.grantee = a.grantee)
       )) kept (it)
 WHERE p.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
   AND (untrusted.it OR definer.it OR makes.it OR remote.it OR kept.it)
 ORDER BY name, revoke LIMIT {MOST_ROWS}"""

PARAMETERS: Final = f"""{_MINE}
SELECT a.privilege_type || ' on parameter' AS may, p.parname AS name,
       COALESCE(e.leave, pg_catalog.format('REVOKE %s ON PARAMETER %s FROM %s', a.privilege_type, p.parname, e.who))
         AS revoke
  FROM pg_catalog.pg_parameter_acl p, pg_catalog.aclexplode(p.paracl) a JOIN grantee e ON e.oid = a.grantee
 ORDER BY 1, 2, 3 LIMIT {MOST_ROWS}"""

# Compiling these statements takes many times as long as running them; the setting ends with the transaction.
SERVER: Final = """
SELECT pg_catalog.pg_is_in_recovery() AS replica, v.version,
       CASE WHEN v.version >= 110000 THEN pg_catalog.set_config('jit', 'off', true) END AS jit
  FROM (SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version) v"""


def postgresql_rights(run: Run, *, called: frozenset[str]) -> tuple[tuple[Right, ...], bool]:
    """Return the rights of the account that `run` is signed in with, and whether the database is in recovery.

    Args:
        run: Runs a statement.
        called: Names of functions that the profile's own statements call: one that runs with its owner's rights and is
            called there is needed, so it is not counted.
    """
    (server,) = run(SERVER)
    replica = server["replica"] is True
    roles = run(ROLES)
    own = next((row for row in roles if row["own"]), None)
    if own is not None and own["superuser"]:  # a superuser is a member of everything: there is nothing to list
        return (_attribute(own, "superuser", everywhere=True),), replica
    found = [right for row in roles for right in _of_role(row)]
    if not any(right.name.startswith("superuser") for right in found):
        found += _merged(run(OBJECTS))
        found += [_routine(row) for row in run(ROUTINES) if not (row["definer"] and row["called"] in called)]
        version = server["version"]
        if isinstance(version, int) and version >= _PARAMETERS_SINCE:
            found += _merged(run(PARAMETERS), everywhere=True)
    return once(found), replica


def _of_role(row: Row) -> list[Right]:
    found = [_attribute(row, name, everywhere=lasts) for name, lasts in _ATTRIBUTES.items() if row[name]]
    role = str(row["role"])
    if role in _ROLES_THAT_ACT:
        found.append(Right(name=f"member of {role}", revoke=str(row["leave"] or ""), everywhere=_ROLES_THAT_ACT[role]))
    return found


def _attribute(row: Row, name: str, *, everywhere: bool) -> Right:
    if row["own"]:
        return Right(name=name, revoke=f"ALTER ROLE {row['quoted']} NO{name.upper()}", everywhere=everywhere)
    return Right(name=f"{name} through {row['role']}", revoke=str(row["leave"] or ""), everywhere=everywhere)


def _merged(rows: Iterable[Row], *, everywhere: bool = False) -> list[Right]:
    return [
        Right(
            name=f"{row['may']} {row['name']}",
            revoke=str(row["revoke"] or ""),
            everywhere=everywhere,
            everybody=row.get("everybody") is True,
        )
        for row in rows
    ]


def _routine(row: Row) -> Right:
    everybody = row.get("everybody") is True  # then it is one of three, known by its bare name
    return Right(
        name=f"EXECUTE on {row['called'] if everybody else row['name']}{row['told']}",
        revoke=str(row["revoke"] or ""),
        everywhere=row["everywhere"] is True,
        everybody=everybody,
    )
