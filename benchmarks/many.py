"""What is asked of the state all the time, with few proposals in it and with many: ratios tell what walks the table.

Both hold the same work that is open; the rest is over. A ratio near 1 means that an index is used.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import sqlite3
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import accepting
from benchmarks.accepting import timed
from benchmarks.places import STORES, Place, places
from erp_mcp.administration.resolving import UNSETTLED
from erp_mcp.bootstrap import SystemClock, TimeOrderedIds
from erp_mcp.domain.lifecycle import ENDS, RESOLVABLE, State
from erp_mcp.domain.proposal import Content
from erp_mcp.store.state import State as FileState
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import FILE_NAME
from erp_mcp.store.state.postgresql import PostgresqlState
from erp_mcp.store.state.rows import beside, content_digest, content_text
from tests.unit.store.state.stores import Schema, schema_on

COLUMNS = (
    "proposal_id, content, digest, state, since, needed, part_of, agent, tool, system, idempotency_key, fingerprint,"
    " made_at, ends_at, not_before, undoes"
)
AGENTS = 10
LATER = "9000-01-01T00:00:00"
OPEN: Mapping[State, int] = {
    State.AWAITING_APPROVAL: 40, State.APPROVED: 5, State.UNKNOWN: 3, State.NEEDS_HUMAN: 5, State.CLAIMED: 4,
    State.COMPENSATION_STUCK: 1,
}  # fmt: skip
"""What is open in every state that is measured; CLAIMED and COMPENSATION_STUCK are sagas with three parts each."""
SAGAS = frozenset({State.CLAIMED, State.COMPENSATION_STUCK})
OVER = (*[State.COMMITTED] * 16, *[State.REJECTED] * 2, State.EXPIRED, State.STALE)
Rows = Iterator[tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A state that is full, one agent of it with its first proposal, and one saga of it."""

    state: DeploymentState
    agent: str
    first: Content
    saga: str


def rows(count: int, ids: TimeOrderedIds, clock: SystemClock, kept: dict[str, Content]) -> Rows:
    """Return so many proposals, the open ones among them anywhere; the first and one saga are kept for questions."""
    chance = random.Random(7)
    parts = 3 * sum(number for state, number in OPEN.items() if state in SAGAS)
    states = [state for state, number in OPEN.items() for _ in range(number)]
    states += chance.choices(OVER, k=count - len(states) - parts)
    chance.shuffle(states)
    for number, state in enumerate(states):
        agent = f"buyer-{number % AGENTS}"
        one = replace(accepting.content(number, ids, clock), agent=agent, limits=())
        kept.setdefault("first", one)
        yield row(one, state)
        if state in SAGAS:
            kept["saga"] = one
            for step in range(3):
                part = replace(accepting.content(10**6 + number * 3 + step, ids, clock), agent=agent, limits=())
                yield row(replace(part, part_of=one.proposal_id, step=f"step{step}"), State.COMMITTED)


def row(content: Content, state: State) -> tuple[object, ...]:
    """Return a proposal as a row of `COLUMNS`; nothing of it is due."""
    text = content_text(content)
    about = (content.terms.needed, content.part_of, *beside(content)[:-2])
    times = tuple(one.rstrip("Z") for one in beside(content)[-2:])
    return (
        content.proposal_id,
        text,
        content_digest(text),
        str(state),
        times[0],
        *about,
        *times,
        LATER,
        content.undoes,
    )


@contextmanager
def filled(place: Place, folder: Path, count: int) -> Iterator[Filled]:
    """Give a state with so many proposals; they are written past the rules of the tables, which hold again then."""
    clock, ids, kept = SystemClock(), TimeOrderedIds(), dict[str, Content]()
    made = rows(count, ids, clock, kept)
    if place.rig is None:
        state: DeploymentState = FileState(folder, clock=clock, ids=ids)
        into_file(folder / FILE_NAME, made)
    else:
        schema = schema_on(place.rig, f"many_{secrets.token_hex(4)}")
        into_schema(schema, made)
        state = PostgresqlState(schema.place, clock=clock, ids=ids)
    try:
        first = kept["first"]
        yield Filled(state=state, agent=first.agent, first=first, saga=kept["saga"].proposal_id)
    finally:
        state.close()


def into_file(path: Path, made: Rows) -> None:
    """Write rows into a state file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        rules = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'proposal'")
        texts = rules.fetchall()
        database.execute("BEGIN")
        for name, _ in texts:
            database.execute(f"DROP TRIGGER {name}")
        database.executemany(f"INSERT INTO proposal ({COLUMNS}) VALUES ({', '.join('?' * 16)})", made)
        for _, text in texts:
            database.execute(text)
        database.execute("COMMIT")


def into_schema(schema: Schema, made: Rows) -> None:
    """Write rows into a schema, and let the database count them, as it does by itself in a while."""
    with schema.owned() as database:
        database.execute("SET session_replication_role = replica")
        with database.cursor().copy(f"COPY proposal ({COLUMNS}) FROM STDIN") as copy:
            for one in made:
                copy.write_row(one)
        database.execute("VACUUM ANALYZE proposal")


def questions(of: Filled) -> dict[str, Callable[[], object]]:
    """Return what is asked, by name."""
    store, first = of.state.proposals, of.first
    ended = tuple(sorted(ENDS - set(UNSETTLED)))
    return {
        "take, nothing is due": lambda: store.take("bench", lease_s=60),
        "expire": store.expire,
        "escalate": store.escalate,
        "earlier undo": lambda: store.taken_back_by(of.agent, first.proposal_id),
        "same meaning": lambda: store.same(of.agent, first.fingerprint, within_s=86_400),
        "not applied before": lambda: store.not_applied(of.agent, first.fingerprint),
        "parts of a saga": lambda: store.parts(of.saga),
        "queue of the page": lambda: store.in_states((State.AWAITING_APPROVAL,), limit=201),
        "ended, on the page": lambda: store.in_states(ended, limit=201),
        "proposals list": lambda: [store.in_states((one,), limit=200) for one in UNSETTLED],
        "list of an agent": lambda: store.of_agent(of.agent, limit=50),
        "counts around a page": lambda: store.standing((State.AWAITING_APPROVAL, *RESOLVABLE)),
        "counts of all states": store.standing,
    }


def measured(place: Place, folder: Path, count: int, rounds: int) -> dict[str, float]:
    """Return the median milliseconds of each question, and of accepting one more."""
    took: dict[str, list[float]] = {}
    with filled(place, folder, count) as of:
        for _ in range(rounds):
            for name, ask in questions(of).items():
                took.setdefault(name, []).append(timed(ask))
        for number in range(rounds):
            for name, milliseconds in worked(of, number).items():
                took.setdefault(name, []).append(milliseconds)
    return {name: statistics.median(one) for name, one in took.items()}


def worked(of: Filled, number: int) -> dict[str, float]:
    """Return what it takes to accept one more proposal of the agent."""
    store, ids = of.state.proposals, TimeOrderedIds()
    content = replace(accepting.content(10**8 + number, ids, SystemClock()), agent=of.agent)
    content = replace(content, command=replace(content.command, key=f"other-{number}"), limits=())
    content = replace(content, preview=replace(content.preview, document=f"other-{number}"))
    return {"accept": timed(store.create, content)}


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stores", nargs="*", default=list(STORES), choices=STORES)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as name, places(Path(name), options.stores) as found:
        print(f"load {' '.join(f'{one:.1f}' for one in os.getloadavg())} on {os.cpu_count()} processors", flush=True)
        for place in found:
            few, many = (
                measured(place, Path(name) / f"{place.store}-{count}", count, options.rounds)
                for count in (options.few, options.many)
            )
            figures[place.store] = {what: {"few": few[what], "many": many[what]} for what in few}
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    print(f"{'store':11} {'question':24} {options.few:>10,} {options.many:>10,}  ms, median; ÷ many to few")
    for store, told in figures.items():
        for what, one in told.items():
            print(f"{store:11} {what:24} {one['few']:10.3f} {one['many']:10.3f}  ÷ {one['many'] / one['few']:.1f}")


if __name__ == "__main__":
    main()
