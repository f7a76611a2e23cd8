"""What several commands do with a deployment: apply its policy, fill its read model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from erp_mcp import sync
from erp_mcp.bootstrap import Deployment
from erp_mcp.errors import BusyError
from erp_mcp.policy import load
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.names import KnownNames


def apply_policy(deployment: Deployment, *, applied_by: str) -> Bundle:
    """Check the deployment's policy folder and make it count.

    Raises:
        PolicyFileError: `policy.bad_file`, with file and line; nothing was changed.
    """
    bundle = load.load(deployment.settings.policies, KnownNames.of(deployment.catalog)).bundle
    store = deployment.state.bundles
    previous, _ = store.active()
    if bundle.digest != previous:
        store.put_bundle(bundle.digest, bundle.text, applied_by=applied_by, previous=previous)
    return bundle


def synchronise(
    deployment: Deployment,
    *,
    names: Sequence[str] = (),
    full: bool = False,
    progress: Callable[[sync.Progress], None] | None = None,
) -> list[sync.SyncReport]:
    """Bring the read model up to what the systems hold; systems of level 4 first, since they own the ids.

    Args:
        deployment: Whose read model.
        names: Systems; all configured ones when empty.
        full: Read everything again.
        progress: Called after each page.

    Returns:
        A report per system.

    Raises:
        BusyError: `gateway.busy`, while another process synchronises.
    """
    leases = deployment.state.leases
    lease = leases.acquire(sync.LEASE, deployment.ids.new(), ttl_s=sync.LEASE_TTL_S)
    if lease is None:
        raise BusyError(reason="another process is synchronising")
    keeper = sync.LeaseKeeper(leases, lease, deployment.clock, progress)
    try:
        return asyncio.run(_synchronise(deployment, names=names, full=full, progress=keeper.after_page))
    finally:
        leases.release(keeper.lease)


async def _synchronise(
    deployment: Deployment, *, names: Sequence[str], full: bool, progress: Callable[[sync.Progress], None] | None
) -> list[sync.SyncReport]:
    offered: dict[str, frozenset[str]] = {}
    chosen = [system for system in deployment.settings.systems if not names or system.name in names]
    profiles = {system.name: deployment.profile(system) for system in chosen}
    writer = deployment.writer()
    reports = []
    try:
        for system in sorted(chosen, key=lambda one: (-profiles[one.name].level, one.name)):
            adapter = deployment.adapter(system)
            offered[system.name] = adapter.entities
            try:
                report = await sync.sync_once(
                    adapter,
                    profiles[system.name],
                    writer,
                    deployment.clock,
                    deployment.ids,
                    progress=progress,
                    full=full,
                )
            finally:
                await adapter.close()
            reports.append(report)
        if not names:
            writer.retain(offered)  # what no configured system offers any more answers no more questions
    finally:
        writer.close()
    return reports
