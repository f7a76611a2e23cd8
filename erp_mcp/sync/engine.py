"""One run over one system: every entity in order; one that fails is noted, the others go on."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Iterable
from typing import Final

from erp_mcp.domain.call_context import SYNC, calling, current_call
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import GatewayError, InternalError, LeaseLostError, SystemRestingError, SystemUnreachableError
from erp_mcp.ports import Adapter, Clock, Ids, ReadModelWriter
from erp_mcp.sync.cursor import identity_digest, parse_cursor
from erp_mcp.sync.entity_pass import MAX_SKEW_S, EntityPass, PassCount, Run, never_read
from erp_mcp.sync.identity import CrossReferences, Identities
from erp_mcp.sync.order import in_order
from erp_mcp.sync.report import EntityReport, OnProgress, SyncReport

_log: Final = logging.getLogger(__name__)


async def sync_once(  # noqa: PLR0917  four of them are ports
    adapter: Adapter,
    profile: Profile,
    writer: ReadModelWriter,
    clock: Clock,
    ids: Ids,
    entities: Collection[str] | None = None,
    progress: OnProgress | None = None,
    *,
    full: bool = False,
) -> SyncReport:
    """Bring the read model up to what one system holds.

    Killed at any point and started again, it goes on where its last applied page ended, and ends in the same state.

    Args:
        adapter: The system.
        profile: Its profile, for the identity rules.
        writer: The read model.
        clock: Plant time for ages, wall time for cadence and skew.
        ids: For the id of each pass.
        entities: Which of the system's entities; all by default.
        progress: Called after each page.
        full: Read everything again, whatever the watermarks say.

    Returns:
        A report per entity, in the order they were read. Failures are in it, they are not raised.

    Raises:
        LeaseLostError: `sync.lease_lost`, when `progress` says so: another process has taken over.
    """
    chosen = in_order(adapter.entities if entities is None else adapter.entities & set(entities))
    _announce(adapter, writer)
    if full or _rules_changed(adapter, profile, writer):
        writer.forget_identities(adapter.system)
    identities = Identities(profile, system=adapter.system, known=writer.identities(adapter.system))
    with calling(dataclasses.replace(current_call(), caller=SYNC)):
        run = Run(
            adapter=adapter,
            profile=profile,
            writer=writer,
            clock=clock,
            ids=ids,
            identities=identities,
            full=full,
            skewed=await _skewed(adapter, clock),
            progress=progress,
        )
        reports = await _all(run, chosen)
    writer.derive()
    return SyncReport(system=adapter.system, entities=reports)


async def _all(run: Run, chosen: Iterable[str]) -> tuple[EntityReport, ...]:
    reports: list[EntityReport] = []
    down = await _load_references(run)
    for entity in chosen:
        if down is None:
            report, failure = await _one(run, entity)
            down = await _still_down(run.adapter, failure)
        else:
            report = _failed(run, entity, PassCount(), down)
        reports.append(report)
    return tuple(reports)


async def _one(run: Run, entity: str) -> tuple[EntityReport, GatewayError | None]:
    began = run.clock.wall()
    before = run.writer.state(run.adapter.system, entity)
    one = EntityPass(run, entity)
    try:
        state = await one.execute()
    except LeaseLostError:
        raise
    except GatewayError as failure:
        return _failed(run, entity, one.count, failure), failure
    except Exception as failure:  # noqa: BLE001  an adapter written elsewhere must not stop the other entities
        defect = _defect(run.adapter, failure)
        return _failed(run, entity, one.count, defect), defect
    swept = max(0, (before.rows if before else 0) - state.rows)
    report = EntityReport(
        system=run.adapter.system,
        entity=entity,
        rows=state.rows,
        changed=one.count.changed,
        removed=max(one.count.removed, swept),
        seconds=(run.clock.wall() - began).total_seconds(),
        as_of=state.as_of,
        resumed=one.count.resumed,
        clock_suspect=state.clock_suspect,
        unresolved=run.identities.unresolved,
    )
    return report, None


def not_opened(
    system: str, entities: Collection[str], writer: ReadModelWriter, clock: Clock, failure: GatewayError
) -> SyncReport:
    """Note beside each entity why its system could not even be opened; what is there of it stays.

    Args:
        system: Its name.
        entities: What its profile gives.
        writer: The read model.
        clock: Wall time of the attempt.
        failure: Why it could not be opened.
    """
    reports = [_noted(writer, clock, (system, entity), PassCount(), failure) for entity in in_order(entities)]
    return SyncReport(system=system, entities=tuple(reports))


def _failed(run: Run, entity: str, count: PassCount, failure: GatewayError) -> EntityReport:
    """Note a failure beside the entity; what was applied stays, and so does the age of what is there."""
    return _noted(run.writer, run.clock, (run.adapter.system, entity), count, failure)


def _noted(
    writer: ReadModelWriter, clock: Clock, of: tuple[str, str], count: PassCount, failure: GatewayError
) -> EntityReport:
    system, entity = of
    state = writer.state(system, entity) or never_read(system, entity)
    ended = instant_text(clock.wall())
    writer.finish(dataclasses.replace(state, last_error=failure.code, attempted_at=ended))
    return EntityReport(
        system=system,
        entity=entity,
        rows=state.rows,
        changed=count.changed,
        removed=count.removed,
        seconds=0.0,
        as_of=state.as_of,
        error=failure.code,
        reason=_reason(failure),
        resumed=count.resumed,
    )


def _reason(failure: GatewayError) -> str:
    """Return why, in our words: what the error names; empty where its code says all."""
    told = [failure.facts[name] for name in ("key", "field", "fields", "reason") if failure.facts.get(name)]
    if not told and failure.facts.get("retry_after_s"):
        return f"left alone for {failure.facts['retry_after_s']} s"
    return ", ".join(", ".join(one) if isinstance(one, tuple) else str(one) for one in told)


def _announce(adapter: Adapter, writer: ReadModelWriter) -> None:
    """Let readers know what the system offers, before any of it is there."""
    for entity in sorted(adapter.entities):
        if writer.state(adapter.system, entity) is None:
            writer.finish(never_read(adapter.system, entity))


def _rules_changed(adapter: Adapter, profile: Profile, writer: ReadModelWriter) -> bool:
    digest = identity_digest(profile)
    for entity in adapter.entities:
        state = writer.state(adapter.system, entity)
        cursor = parse_cursor(state.watermark) if state else None
        if cursor is not None and cursor.identity != digest:
            return True
    return False


async def _skewed(adapter: Adapter, clock: Clock) -> bool:
    """Return whether the system's clock is more than 30 s away from ours, or tells no time that can be read.

    A system that tells none is not suspect, and one that is down is found out later.
    """
    told, _ = await _probed(adapter)
    try:
        return bool(told) and abs((parse_instant(told) - clock.wall()).total_seconds()) > MAX_SKEW_S
    except ValueError:
        return True


async def _load_references(run: Run) -> GatewayError | None:
    """Read the cross-references; without them no id of theirs could be trusted, so nothing is read."""
    for entity in run.identities.tables:
        if isinstance(run.adapter, CrossReferences):
            try:
                run.identities.use_table(entity, await run.adapter.cross_references(entity))
            except GatewayError as failure:
                return failure
            except Exception as failure:  # noqa: BLE001  as in a pass
                return _defect(run.adapter, failure)
    return None


async def _still_down(adapter: Adapter, failure: GatewayError | None) -> GatewayError | None:
    """Return the failure when the whole system is down, so that the other entities need not wait for it too."""
    if isinstance(failure, SystemRestingError):
        return failure
    if not isinstance(failure, SystemUnreachableError):
        return None
    _, again = await _probed(adapter)
    return failure if isinstance(again, SystemUnreachableError | SystemRestingError) else None


async def _probed(adapter: Adapter) -> tuple[str, GatewayError | None]:
    """Return the time that the system tells, if any, and why it could not be asked."""
    try:
        return (await adapter.probe()).get("server_time", ""), None
    except GatewayError as failure:
        return "", failure
    except Exception as failure:  # noqa: BLE001  as in a pass
        return "", _defect(adapter, failure)


def _defect(adapter: Adapter, failure: Exception) -> InternalError:
    """Return what is told of a defect of an adapter; the log has the rest."""
    _log.error("synchronising %s failed", adapter.system, exc_info=failure)
    return InternalError(reason=type(failure).__name__)
