"""`quality_notification.create`: a quality problem is reported, and a hold of its lot asked for, never applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from erp_mcp.commands.rows import MaterialRow, PlanningRow
from erp_mcp.commands.rows_quality import DefectCodeRow, LotRefRow, OpenNotificationRow
from erp_mcp.commands.verdicts import (
    flag,
    known,
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
from erp_mcp.domain.entities.inventory import Lot, Material
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.errors import RuleNotEvaluableError

DUPLICATE_HOURS: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What is reported, and on what."""

    facts: CommandFacts
    system: str
    material_id: str
    site: str
    lot: Lot | None
    defect_code: str
    hold: bool

    @property
    def open(self) -> tuple[OpenNotificationRow, ...]:
        """Notifications on the same subject, the newest first."""
        found = rows_of(self.facts, "notifications", OpenNotificationRow)
        lot_id = self.lot.lot_id if self.lot else None
        same = [one for one in found if one.lot_id == lot_id and (lot_id or one.material_id == self.material_id)]
        return tuple(sorted(same, key=lambda one: (one.opened_at or "", one.notification_id), reverse=True))


def create(facts: CommandFacts) -> Draft:
    """Work out one quality notification.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such lot or material at the site.
        RuleNotEvaluableError: `rule.not_evaluable`, where open notifications can't be looked at.
    """
    report = _report(facts)
    about = f"lot {report.lot.lot_id} of {report.material_id}" if report.lot else report.material_id
    return Draft(
        system=report.system,
        key="",
        version_token="",
        fields=_fields(report),
        document="",
        headline=f"Report defect {report.defect_code} of {about} at site {report.site}"
        + (", and ask to hold the lot" if report.hold else ""),
        changes=tuple(_changes(report)),
        checks=(*_checks(report), *stale_checks(facts)),
        effects=tuple(_effects(report)),
        amounts={"material_id": report.material_id},
    )


def _report(facts: CommandFacts) -> _Report:
    site, code = text_argument(facts, "site"), text_argument(facts, "defect_code")
    lot = _lot(facts, site) if text_argument(facts, "lot_id") else None
    if lot is not None:
        system, material_id = lot.system, lot.material_id
    else:
        system, material_id = _material(facts, site)
    hold = facts.arguments.get("request_hold") is True
    return _Report(facts=facts, system=system, material_id=material_id, site=site, lot=lot, defect_code=code, hold=hold)


def _lot(facts: CommandFacts, site: str) -> Lot:
    """Return the lot as its system has it now."""
    lot_id = text_argument(facts, "lot_id")
    found = [one for one in rows_of(facts, "lots", LotRefRow) if (one.lot_id, one.site) == (lot_id, site)]
    if not found:
        message = (
            f"There is no lot {lot_id} at site {site}; use a lot of get_stock, or leave it out and name a material."
        )
        raise refused("R-LOT", message, lot_id=lot_id, site=site)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-LOT", missing="one system that keeps the lot")
    lot = live_record(facts, "lots", found[0].system, found[0].source_key, Lot)
    named = text_argument(facts, "material_id")
    if named and named != lot.material_id:
        message = f"Lot {lot_id} is not of material {named}; leave the material out, or name another lot."
        raise refused("R-LOT", message, lot_id=lot_id, material_id=named)
    return lot


def _material(facts: CommandFacts, site: str) -> tuple[str, str]:
    """Return the system that plans the material at the site, and the material."""
    material_id = text_argument(facts, "material_id")
    if not material_id:
        raise refused("R-SUBJECT", "Name what is defective: lot_id, or material_id where no lot is known.")
    planned = {one.system for one in rows_of(facts, "planning", PlanningRow) if one.site == site}
    found = [one for one in rows_of(facts, "materials", MaterialRow) if one.system in planned]
    if not found:
        message = f"No material {material_id} is planned at site {site}; use an id and a site of get_stock."
        raise refused("R-MATERIAL", message, material_id=material_id, site=site)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-MATERIAL", missing="one system that plans it")
    live_record(facts, "materials", found[0].system, found[0].source_key, Material)
    return found[0].system, material_id


def _fields(report: _Report) -> dict[str, JsonValue]:
    return {
        "site": report.site,
        "material_id": report.material_id,
        "lot_id": report.lot.lot_id if report.lot else None,
        "defect_code": report.defect_code,
        "description": text_argument(report.facts, "description"),
        "hold": report.hold,
    }


def _changes(report: _Report) -> Iterator[Change]:
    for name, value in _fields(report).items():
        if value is not None:
            after = ("asked for" if value else "not asked for") if isinstance(value, bool) else str(value)
            yield Change(field=name, before="", after=after)


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(report: _Report) -> Iterator[Check]:
    if report.lot is not None:
        yield ok("R-LOT", "The lot is in its system at this moment.")
    else:
        yield flag("R-LOT", "No lot is named: who reads it can't tell which goods are meant.")
    yield _code(report)
    need(report.facts, "R-DUPLICATE", "notifications")
    yield _duplicate(report)
    if report.hold:
        yield _hold(report)


def _code(report: _Report) -> Check:
    used = {one.defect_code for one in rows_of(report.facts, "codes", DefectCodeRow)}
    if report.defect_code in used:
        return ok("R-DEFECT-CODE", "The defect code is one that was used before.")
    message = (
        "Not looked at here: the catalogue of defect codes. This one was not used before; the system may refuse it."
    )
    return flag("R-DEFECT-CODE", message)


def _duplicate(report: _Report) -> Check:
    """Return whether the same was reported within a day; anything else that is open is told."""
    since = parse_instant(report.facts.now) - timedelta(hours=DUPLICATE_HOURS)
    same = [one for one in report.open if one.defect_code == report.defect_code]
    recent = [one for one in same if one.opened_at and parse_instant(one.opened_at) >= since]
    if recent:
        number = recent[0].notification_id
        message = (
            f"Notification {number} reports this defect of it since less than {DUPLICATE_HOURS} hours; use that one,"
            " or name another defect or lot."
        )
        return refuse("R-DUPLICATE", message, notification_id=number)
    if report.open:
        number = report.open[0].notification_id
        message = f"Notification {number} is open on the same subject; the new one stands beside it."
        return flag("R-DUPLICATE", message, notification_id=number, open=len(report.open))
    return ok("R-DUPLICATE", "No open notification is about the same subject.")


def _hold(report: _Report) -> Check:
    if report.lot is None:
        message = "A hold is asked for one lot; name lot_id, or leave request_hold out."
        return refuse("R-HOLD", message)
    if report.lot.lot_disposition in (None, "Restricted"):
        state = known(report.lot.lot_disposition, "Restricted")
        return flag("R-HOLD", "The lot is restricted already, or its status is not known.", lot_disposition=state)
    if any(one.hold for one in report.open):
        return flag("R-HOLD", "An open notification asks to hold this lot already.")
    return ok("R-HOLD", "The lot is not restricted, and nobody asks to hold it yet.")


# --- What follows -----------------------------------------------------------------------------------------------------


def _effects(report: _Report) -> Iterator[str]:
    if report.hold:
        yield "The hold is asked for, not applied: status and stock of the lot stay as they are until quality decides."
    else:
        yield "No hold is asked for; the goods stay usable."
    yield "The description is written as the agent gave it; quality reads and judges it."
    yield "Nobody outside is told: no supplier and no customer gets a message."
    yield "Undo: quality closes the notification as void."


OPERATION: Final = Operation(
    name="quality_notification.create",
    entity="quality_notification",
    function=create,
    reads={
        "lots": LotRefRow,
        "materials": MaterialRow,
        "planning": PlanningRow,
        "notifications": OpenNotificationRow,
        "codes": DefectCodeRow,
    },
    live=("lots", "materials"),
    irreversible="A notification is closed as void by a person in quality.",
    doubted={"R-DEFECT-CODE": frozenset({"defect_code"})},  # one that was never used before
)
