"""Commands in the demo ERP's own terms, and what it replies in ours: pure translation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.demo.erp_service import Document, ErpService, Rejected, Reply, Superseded
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import (
    Command,
    Committed,
    Conflict,
    Outcome,
    Refused,
    RetryContract,
    RetryKind,
    Unknown,
    Written,
)
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.value import QUANTITY_DIGITS, quantity_text, to_scaled
from erp_mcp.errors import ProfileFileError

UPDATE_DATE: Final = "purchase_order_line.update_delivery_date"
CREATE_REQUISITION: Final = "purchase_requisition.create"

# operation → contracts that this service keeps, the strongest first
_KEPT: Final[dict[str, tuple[RetryKind, ...]]] = {
    UPDATE_DATE: ("conditional", "readback"),
    CREATE_REQUISITION: ("unique_ref", "readback"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DateChange:
    """A new promise for a purchase order line that is still at `version`."""

    po_no: str
    item_no: str
    new_date: str
    version: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequisitionOrder:
    """A new requisition."""

    reference: str
    mat_no: str
    plant: str
    qty: str
    uom: str
    dlv_date: str
    vendor_no: str | None


ErpCall = DateChange | RequisitionOrder


def operations_of(profile: Profile) -> dict[str, RetryContract]:
    """Return the operations that a profile offers of this service.

    Raises:
        ProfileFileError: `systems.bad_profile`, for an operation, contract or key that this service does not have.
    """
    found: dict[str, RetryContract] = {}
    for name, form in profile.commands.items():
        key = f"commands.operations.{name}"
        if name not in _KEPT:
            raise _wrong(profile, key, f"the demo ERP has no such operation; it has {', '.join(sorted(_KEPT))}")
        if not isinstance(form, dict) or set(form) != {"contract", "settle_s"}:
            raise _wrong(profile, key, "the demo ERP takes contract and settle_s, and nothing else")
        kind = next((one for one in _KEPT[name] if one == form["contract"]), None)
        settle_s = form["settle_s"]
        if kind is None or not isinstance(settle_s, int):
            raise _wrong(profile, f"{key}.contract", f"the demo ERP keeps {' or '.join(_KEPT[name])}")
        found[name] = RetryContract(kind=kind, settle_s=settle_s)
    return found


def call_of(command: Command, profile: Profile) -> ErpCall | Rejected:
    """Return a command in the ERP's own terms, or why it can't be said in them.

    Args:
        command: One of the two operations.
        profile: Its profile; says how canonical ids become local ones.
    """
    fields = command.fields
    if command.operation == UPDATE_DATE:
        po_no, _, item_no = command.key.partition("/")
        named = _local(profile, "purchase_order", _text(fields, "purchase_order_id")), _text(fields, "line")
        if named not in {(po_no, item_no), ("", "")}:
            return Rejected("key_mismatch")  # two lines are named: whichever is written, one was not approved
        return DateChange(
            po_no=po_no,
            item_no=item_no,
            new_date=_text(fields, "new_date"),
            version=command.version_token,
            reference=command.reference,
        )
    if fields.get("cost_object") is not None:
        return Rejected("no_cost_objects")  # the ERP has no place for it; leaving it out would change what was approved
    supplier = fields.get("supplier_id")
    return RequisitionOrder(
        reference=command.reference,
        mat_no=_local(profile, "material", _text(fields, "material_id")),
        plant=_text(fields, "site"),
        qty=_text(fields, "qty"),
        uom=_text(fields, "uom"),
        dlv_date=_text(fields, "delivery_date"),
        vendor_no=_local(profile, "supplier", str(supplier)) if supplier is not None else None,
    )


def perform(service: ErpService, call: ErpCall) -> Reply:
    """Hand one call to the service; raises `sqlite3.Error` as it does."""
    if isinstance(call, DateChange):
        return service.update_delivery_date(
            call.po_no, call.item_no, call.new_date, version=call.version, reference=call.reference
        )
    return service.create_requisition(
        reference=call.reference,
        mat_no=call.mat_no,
        plant=call.plant,
        qty=call.qty,
        uom=call.uom,
        dlv_date=call.dlv_date,
        vendor_no=call.vendor_no,
    )


def outcome_of(reply: Reply, profile: Profile) -> Outcome:
    """Return what a reply of the service means for the command that was sent."""
    if isinstance(reply, Document):
        return Committed(written=written(reply, profile))
    if isinstance(reply, Superseded):
        return Conflict()
    return Unknown(reason=reply.code) if reply.code == "reference_exists" else Refused(code=reply.code)


def written(document: Document, profile: Profile) -> Written:
    """Return a document in canonical terms; a line that a person has deleted since has no fields any more."""
    native = document.fields
    fields: dict[str, JsonValue] = {}
    for column, name in _NAMES[document.doc_type].items() if native else ():
        value = native[column]
        if value is not None and name == "qty":
            value = quantity_text(to_scaled(value, QUANTITY_DIGITS))
        elif value is not None and name in _IDS:
            value = _canonical(profile, _IDS[name], value)
        fields[name] = value
    return Written(
        document=document.number,
        key=f"{document.number}/{document.item}",
        version_token=document.version,
        fields=fields,
    )


# native columns in the words of a command
_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "PO": {"po_no": "purchase_order_id", "item_no": "line", "promise": "new_date"},
    "PR": {
        "mat_no": "material_id",
        "plant": "site",
        "qty": "qty",
        "uom": "uom",
        "dlv_date": "delivery_date",
        "vendor_no": "supplier_id",
    },
}
_IDS: Final = {"purchase_order_id": "purchase_order", "material_id": "material", "supplier_id": "supplier"}


def _text(fields: Mapping[str, JsonValue], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""  # the service's own rules refuse what is missing


def _local(profile: Profile, entity: str, canonical: str) -> str:
    """Return the ERP's own id for a canonical one."""
    rule = profile.identity.get(entity)
    return canonical.removeprefix(rule.prefix) if rule is not None and rule.rule == "add_prefix" else canonical


def _canonical(profile: Profile, entity: str, local: str) -> str:
    rule = profile.identity.get(entity)
    return f"{rule.prefix}{local}" if rule is not None and rule.rule == "add_prefix" else local


def _wrong(profile: Profile, key: str, reason: str) -> ProfileFileError:
    return ProfileFileError(file=f"{profile.name}.yaml", line=0, key=key, reason=reason)
