"""`maintenance_notification.create`: a malfunction is reported; what is done about it is for maintenance to plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from erp_mcp.commands.rows_maintenance import AssetRow, CenterRefRow, NoticeRow
from erp_mcp.commands.verdicts import (
    flag,
    live_record,
    need,
    ok,
    refuse,
    refused,
    rows_of,
    stale_checks,
    text_argument,
)
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.production import WorkCenter
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What is reported, of which asset at which work centre."""

    facts: CommandFacts
    center: WorkCenter
    asset_id: str
    breakdown: bool
    priority: str
    witness: str

    @property
    def open(self) -> tuple[NoticeRow, ...]:
        """Notifications of the asset that are not closed, by number."""
        found = rows_of(self.facts, "notices", NoticeRow)
        return tuple(sorted((one for one in found if one.asset_id == self.asset_id), key=lambda one: one[0]))


def create(facts: CommandFacts) -> Draft:
    """Work out one maintenance notification.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such asset or work centre.
        RuleNotEvaluableError: `rule.not_evaluable`, where open notifications can't be looked at.
    """
    report = _report(facts)
    what = "a breakdown" if report.breakdown else "a malfunction"
    return Draft(
        system=report.center.system,
        key="",
        version_token="",
        fields=_fields(report),
        document="",
        headline=f"Report {what} of asset {report.asset_id} at site {report.center.site}, priority {report.priority}",
        changes=tuple(_changes(report)),
        checks=(*_checks(report), *stale_checks(facts)),
        effects=tuple(_effects(report)),
    )


def _report(facts: CommandFacts) -> _Report:
    need(facts, "R-ASSET", "assets")
    asset_id, center_id = text_argument(facts, "asset_id"), text_argument(facts, "work_center_id")
    if not asset_id and not center_id:
        raise refused("R-ASSET", "Name what does not work: asset_id, or work_center_id.")
    known = set(rows_of(facts, "assets", AssetRow))
    fits = {one for one in known if one.asset_id == (asset_id or one.asset_id)}
    fits = {one for one in fits if one.work_center_id == (center_id or one.work_center_id)}
    centers = {one.work_center_id: one for one in rows_of(facts, "centers", CenterRefRow)}
    found = sorted(one for one in fits if one.work_center_id in centers)
    if not found:
        message = (
            "No such asset stands at such a work centre; use asset_id and work_center_id of list_maintenance_orders."
        )
        raise refused("R-ASSET", message, asset_id=asset_id, work_center_id=center_id)
    if len(found) > 1 and not asset_id:
        ids = ", ".join(one.asset_id for one in found[:5])
        message = f"Several assets stand at the work centre; name one of: {ids}."
        raise refused("R-ASSET", message, work_center_id=center_id)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-ASSET", missing="one work centre that the asset stands at")
    row = centers[found[0].work_center_id]
    return _Report(
        facts=facts,
        center=live_record(facts, "centers", row.system, row.source_key, WorkCenter),
        asset_id=found[0].asset_id,
        breakdown=facts.arguments.get("breakdown") is True,
        priority=text_argument(facts, "priority"),
        witness=text_argument(facts, "witnessed_by").strip(),
    )


def _fields(report: _Report) -> dict[str, JsonValue]:
    return {
        "site": report.center.site,
        "work_center_id": report.center.work_center_id,
        "asset_id": report.asset_id,
        "breakdown": report.breakdown,
        "priority": report.priority,
        "description": text_argument(report.facts, "description"),
        "witnessed_by": report.witness or None,
    }


def _changes(report: _Report) -> Iterator[Change]:
    for name, value in _fields(report).items():
        if value is not None:
            after = ("yes" if value else "no") if isinstance(value, bool) else str(value)
            yield Change(field=name, before="", after=after)


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(report: _Report) -> Iterator[Check]:
    yield ok("R-ASSET", "The asset is known, and its work centre is in its system at this moment.")
    if report.breakdown and not report.witness:
        message = (
            "A breakdown needs witnessed_by, a person on site who saw it; name one, or report it without breakdown."
        )
        yield refuse("R-WITNESS", message)
    elif report.breakdown:
        message = (
            "Not looked at here: what the machine says itself. That the asset stands still rests on the person named."
        )
        yield flag("R-WITNESS", message)
    need(report.facts, "R-DUPLICATE", "notices")
    yield _duplicate(report)


def _duplicate(report: _Report) -> Check:
    """Return whether somebody reported it already and nobody has taken it up; what else is open is told."""
    same = [one for one in report.open if one.order_state == "open" and bool(one.breakdown) == report.breakdown]
    if same:
        number = same[0].notification_id
        message = f"Notification {number} reports the asset already and waits; use it, or wait until it is taken up."
        return refuse("R-DUPLICATE", message, notification_id=number)
    if report.open:
        number = report.open[0].notification_id
        message = f"Notification {number} of the asset is open; this one stands beside it."
        return flag("R-DUPLICATE", message, notification_id=number, open=len(report.open))
    return ok("R-DUPLICATE", "No notification of the asset is open.")


# --- What follows -----------------------------------------------------------------------------------------------------


def _effects(report: _Report) -> Iterator[str]:
    if report.breakdown:
        yield "The ERP counts the asset as down from now on; the machine itself is neither stopped nor started by it."
    yield "Nothing is repaired, ordered or planned by it: a maintenance planner takes it up."
    yield "The description is written as the agent gave it; maintenance reads and judges it."
    yield "Undo: maintenance closes the notification."


OPERATION: Final = Operation(
    name="maintenance_notification.create",
    entity="maintenance_notification",
    function=create,
    reads={"assets": AssetRow, "centers": CenterRefRow, "notices": NoticeRow},
    live=("centers",),
    irreversible="A notification is closed by a person in maintenance.",
)
