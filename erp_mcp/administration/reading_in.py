"""Fill the read model of a deployment, and look which sites it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from erp_mcp import sync
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.tool import Query
from erp_mcp.errors import BusyError, DeadlineError, GatewayError
from erp_mcp.ports import Adapter
from erp_mcp.settings import SystemSettings

_LOOK_S: Final = 2.0  # for one entity; of a large one the sites found elsewhere tell enough
_MAX_SITES: Final = 1000


def synchronise(
    deployment: Deployment,
    *,
    names: Sequence[str] = (),
    entities: Collection[str] | None = None,
    full: bool = False,
    progress: Callable[[sync.Progress], None] | None = None,
) -> list[sync.SyncReport]:
    """Bring the read model up to what the systems hold; systems of level 4 first, since they own the ids.

    Args:
        deployment: Whose read model.
        names: Systems; all configured ones when empty.
        entities: Which of their entities; all when `None`. The others stay as they are, with their age.
        full: Read everything again.
        progress: Called after each page.

    Returns:
        A report per system.

    Raises:
        BusyError: `gateway.busy`, while another process synchronises. When the only system can't be opened, why; of
        several, the others go on, and its report says why.
    """
    leases = deployment.sync_leases
    lease = leases.acquire(sync.LEASE, deployment.ids.new(), ttl_s=sync.LEASE_TTL_S)
    if lease is None:
        raise BusyError(reason="another process is synchronising")
    keeper = sync.LeaseKeeper(leases, lease, deployment.clock, progress)
    try:
        work = _synchronise(deployment, names=names, entities=entities, full=full, progress=keeper.after_page)
        return asyncio.run(work)
    finally:
        leases.release(keeper.lease)


def sites_held(deployment: Deployment) -> frozenset[str]:
    """Return the sites that rows of the read model name; an entity too large to look through in time is left out.

    Raises:
        ReadModelNotReadyError: `read_model.not_ready`.
    """
    return asyncio.run(_sites_held(deployment))


async def _sites_held(deployment: Deployment) -> frozenset[str]:
    held: set[str] = set()
    for entity, record in ENTITIES.items():
        if not any(spec.name == "site" for spec in field_specs(record)):
            continue
        sql = f"SELECT DISTINCT site FROM {entity} WHERE site IS NOT NULL AND site <> ''"  # noqa: S608 - our own name
        look = Query(
            name="sites", sql={"sqlite": sql}, parameters=(), columns=(), entities=(entity,), max_rows=_MAX_SITES
        )
        try:
            rows = await deployment.gateway.read_model.rows(look, {}, deadline_s=_LOOK_S)
        except DeadlineError:
            continue
        held |= {str(row[0]) for row in rows}
    return frozenset(held)


async def _synchronise(
    deployment: Deployment,
    *,
    names: Sequence[str],
    entities: Collection[str] | None,
    full: bool,
    progress: Callable[[sync.Progress], None] | None,
) -> list[sync.SyncReport]:
    offered: dict[str, frozenset[str]] = {}
    chosen = [system for system in deployment.settings.systems if not names or system.name in names]
    profiles = {system.name: deployment.profile(system) for system in chosen}
    writer = deployment.writer()
    reports = []
    try:
        for system in sorted(chosen, key=lambda one: (-profiles[one.name].level, one.name)):
            profile = profiles[system.name]
            adapter = _opened(deployment, system, alone=len(chosen) == 1)
            if isinstance(adapter, GatewayError):
                offered[system.name] = frozenset(profile.entities)  # what is there of it stays
                missed = offered[system.name] if entities is None else offered[system.name] & set(entities)
                reports.append(sync.not_opened(system.name, missed, writer, deployment.clock, adapter))
                continue
            offered[system.name] = adapter.entities
            ports = (writer, deployment.clock, deployment.ids)
            try:
                reports.append(await sync.sync_once(adapter, profile, *ports, entities, progress, full=full))
            finally:
                await adapter.close()
        if not names:
            writer.retain(offered)  # what no configured system offers any more answers no more questions
        await sync.work_out(writer, deployment.clock, ZoneInfo(deployment.settings.zone))
    finally:
        writer.close()
    return reports


def _opened(deployment: Deployment, system: SystemSettings, *, alone: bool) -> Adapter | GatewayError:
    """Return the adapter of a system, or why there is none: of several, one that is off must not hold up the others."""
    try:
        return deployment.adapter(system)
    except GatewayError as failure:
        if alone:
            raise
        return failure
