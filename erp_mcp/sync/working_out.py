"""After a pass: what is worked out ahead of time is brought up to what the read model now holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import tzinfo
from typing import Final

from erp_mcp.domain.derivation import Moment
from erp_mcp.domain.instants import instant_text
from erp_mcp.ports import Clock, ReadModelWriter

BATCH_KEYS: Final = 500  # per transaction: other writers wait no longer than one batch takes


async def work_out(
    writer: ReadModelWriter, clock: Clock, zone: tzinfo, *, after_batch: Callable[[], None] | None = None
) -> int:
    """Work out every key that is dirty, or was worked out on another day.

    Killed at any point, the next run goes on: a key is clean only once its rows are there.

    Args:
        writer: The read model.
        clock: Plant time: what is worked out counts for one business date.
        zone: The plant's zone.
        after_batch: Called after each transaction, to renew a lease or to tell a person; may raise to stop.

    Returns:
        How many keys were worked out.
    """
    plant = clock.plant()
    moment = Moment(today=plant.astimezone(zone).date().isoformat(), now=instant_text(plant), zone=zone)
    total = 0
    while done := writer.work_out(moment, limit=BATCH_KEYS):
        total += done
        if after_batch is not None:
            after_batch()
        await asyncio.sleep(0)  # calls are answered between two batches
    return total
