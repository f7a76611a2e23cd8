"""Which entity is due when, and who does it: one process of the deployment at a time, under a lease."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from erp_mcp.domain.freshness import EntityState, FreshnessBudget
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import LeaseLostError
from erp_mcp.ports import Adapter, Clock, Ids, Lease, Leases, ReadModelWriter
from erp_mcp.sync.engine import sync_once
from erp_mcp.sync.report import OnProgress, Progress, SyncReport
from erp_mcp.sync.working_out import work_out

LEASE: Final = "sync"
LEASE_TTL_S: Final = 60  # how long nobody synchronises after a process was killed
DEFAULT_CADENCE_S: Final = 300
RETRY_S: Final = 60  # after a failure, where the cadence is longer
INTERVAL_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedSystem:
    """One configured system, ready to be read."""

    adapter: Adapter
    profile: Profile


def due(
    systems: Sequence[ManagedSystem],
    state: Callable[[str, str], EntityState | None],
    budgets: Mapping[str, FreshnessBudget],
    now: datetime,
) -> dict[str, tuple[str, ...]]:
    """Return which entities of which system are to be read now.

    Args:
        systems: The configured systems.
        state: Where an entity of a system stands.
        budgets: Cadence per entity; 300 s where there is none.
        now: Wall clock.

    Returns:
        Entities by system; systems with nothing due are left out.
    """
    found = {
        one.adapter.system: tuple(
            entity
            for entity in sorted(one.adapter.entities)
            if _is_due(state(one.adapter.system, entity), budgets.get(entity), now)
        )
        for one in systems
    }
    return {system: entities for system, entities in found.items() if entities}


async def run_due(
    systems: Sequence[ManagedSystem],
    writer: ReadModelWriter,
    leases: Leases,
    clock: Clock,
    ids: Ids,
    *,
    budgets: Mapping[str, FreshnessBudget],
    holder: str,
    zone: tzinfo = UTC,
    progress: OnProgress | None = None,
) -> tuple[SyncReport, ...]:
    """Synchronise what is due, unless another process is at it.

    Args:
        systems: The configured systems; planning systems (level 4) are read before shop-floor ones.
        writer: The read model.
        leases: Who may synchronise.
        clock: Wall and plant time.
        ids: For the id of each pass.
        budgets: Cadence per entity.
        holder: Name of this process, unique in the deployment.
        zone: The plant's, for what is worked out after the passes.
        progress: Called after each page.

    Returns:
        A report per system; empty when nothing was due or another process holds the lease.
    """
    wanted = due(systems, writer.state, budgets, clock.wall())
    held = leases.acquire(LEASE, holder, ttl_s=LEASE_TTL_S) if wanted else None
    if held is None:
        return ()
    keeper = LeaseKeeper(leases, held, clock, progress)
    reports: list[SyncReport] = []
    try:
        # Asked again under the lease: another process may just have finished.
        wanted = due(systems, writer.state, budgets, clock.wall())
        for one in sorted(systems, key=lambda one: (-one.profile.level, one.adapter.system)):
            if one.adapter.system in wanted:
                entities = wanted[one.adapter.system]
                reports.append(
                    await sync_once(one.adapter, one.profile, writer, clock, ids, entities, keeper.after_page)
                )
                keeper.renew()
        await work_out(writer, clock, zone, after_batch=keeper.keep)
    except LeaseLostError:
        return tuple(reports)
    finally:
        leases.release(keeper.lease)
    return tuple(reports)


async def scheduled(
    run: Callable[[], Awaitable[object]],
    *,
    sleep: Callable[[float], Awaitable[None]],
    on_error: Callable[[Exception], None],
    interval_s: float = INTERVAL_S,
) -> None:
    """Run again and again until cancelled; an error is told and the loop goes on.

    Args:
        run: What to do, normally `run_due` with its arguments.
        sleep: How to wait, in seconds.
        on_error: Told of what went wrong.
        interval_s: Pause between the end of one run and the next look.
    """
    while True:
        try:
            await run()
        except Exception as failure:  # noqa: BLE001  the server stays up whatever synchronisation meets
            on_error(failure)
        await sleep(interval_s)


class LeaseKeeper:
    """Renews the lease while pages come in."""

    def __init__(self, leases: Leases, lease: Lease, clock: Clock, progress: OnProgress | None) -> None:
        """Take a lease just acquired; `progress` is told of each page."""
        self._leases = leases
        self._clock = clock
        self._progress = progress
        self._renewed = clock.wall()
        self.lease = lease

    def after_page(self, progress: Progress) -> None:
        """Renew the lease when a third of its time has gone, and pass the progress on."""
        self.keep()
        if self._progress is not None:
            self._progress(progress)

    def keep(self) -> None:
        """Renew the lease when a third of its time has gone.

        Raises:
            LeaseLostError: `sync.lease_lost`, as `renew`.
        """
        if (self._clock.wall() - self._renewed).total_seconds() > LEASE_TTL_S / 3:
            self.renew()

    def renew(self) -> None:
        """Hold the lease for another full time.

        Raises:
            LeaseLostError: `sync.lease_lost`, when another process holds it.
        """
        renewed = self._leases.acquire(self.lease.name, self.lease.holder, ttl_s=LEASE_TTL_S)
        if renewed is None:
            raise LeaseLostError(name=self.lease.name)
        self._renewed = self._clock.wall()
        self.lease = renewed


def _is_due(state: EntityState | None, budget: FreshnessBudget | None, now: datetime) -> bool:
    if state is None or not state.attempted_at:
        return True
    cadence_s = budget.cadence_s if budget else DEFAULT_CADENCE_S
    if state.last_error:
        cadence_s = min(cadence_s, RETRY_S)
    age_s = (now - parse_instant(state.attempted_at)).total_seconds()
    return not 0 <= age_s < cadence_s  # an attempt in the future means that the clock was set back
