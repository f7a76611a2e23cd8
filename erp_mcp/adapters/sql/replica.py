"""How far a database is behind the one that is written to.

A PostgreSQL replica says it itself: where it receives and has replayed all it received, it is up to date, however long
nothing was written; else it is as old as the last transaction that it replayed. A heartbeat (a row that somebody stamps
with the time at the other end) says it for any database, and exactly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

_HEARTBEAT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62}){1,2}")

# What only a member of pg_read_all_stats sees (latest_end_lsn, the primary's own place) is NULL for others.
LAG: Final = """
SELECT pg_catalog.pg_is_in_recovery() AS replica, pg_catalog.clock_timestamp() AS here,
       pg_catalog.pg_last_xact_replay_timestamp() AS replayed_at,
       (SELECT checkpoint_time FROM pg_catalog.pg_control_checkpoint()) AS checkpoint_at,
       EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) AS receiving,
       COALESCE(pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn(), false)
         AND COALESCE((SELECT latest_end_lsn <= pg_catalog.pg_last_wal_replay_lsn()
                         FROM pg_catalog.pg_stat_wal_receiver), true) AS replayed_all"""


def behind(row: Mapping[str, object]) -> float | None:
    """Return how many seconds a PostgreSQL database is behind by its answer to `LAG`; `None` for a primary.

    Raises:
        ValueError: when a replica can't say how old it is.
    """
    if not row["replica"]:
        return None
    if row["receiving"] and row["replayed_all"]:
        return 0.0
    known = [moment for name in ("replayed_at", "checkpoint_at") if isinstance(moment := row[name], datetime)]
    here = row["here"]
    if not known or not isinstance(here, datetime):
        raise ValueError("the replica does not say how old it is")
    return max(0.0, (here - max(known)).total_seconds())


def heartbeat_place(text: str) -> tuple[str, str, str]:
    """Return schema (may be empty), table and column of a heartbeat, written `table.column` or `schema.table.column`.

    Raises:
        ValueError: for anything else.
    """
    if not _HEARTBEAT.fullmatch(text):
        raise ValueError("must be table.column or schema.table.column")
    *schema, table, column = text.split(".")
    return "".join(schema), table, column


def since_beat(row: Mapping[str, object], now: datetime) -> float:
    """Return how many seconds ago the heartbeat was, by the database's clock where that has a zone, else by ours.

    Raises:
        ValueError: when there is no beat, or its time has no zone.
    """
    beat, moment = row["beat"], row["moment"]
    if isinstance(beat, str):
        beat = datetime.fromisoformat(beat)
    if not isinstance(beat, datetime) or beat.tzinfo is None:
        raise ValueError("the heartbeat is no time with a zone")
    here = moment if isinstance(moment, datetime) and moment.tzinfo is not None else now
    return max(0.0, (here.astimezone(UTC) - beat).total_seconds())
