"""`PlannedCommands`: `ports.Commands` by the plans of a profile, whatever protocol carries them.

The order is the same for every operation: look up, compare the record with the one the change was worked out on, send
one request, judge its answer, read back. What is protocol about it is behind `Wire`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from erp_mcp.adapters._documents.command_readiness import nobodys
from erp_mcp.adapters._documents.command_records import canonical, has_become, held_back
from erp_mcp.adapters._documents.command_values import Facts, Found, RefusedError
from erp_mcp.adapters._documents.command_verdicts import Accepted, Verdict, before_sending
from erp_mcp.adapters._documents.fields import joined_key, split_key
from erp_mcp.adapters._documents.json_text import Document, Value
from erp_mcp.adapters._documents.paths import ShapeError, code_of
from erp_mcp.domain.command import Accepted as Taken
from erp_mcp.domain.command import (
    Command,
    Committed,
    Conflict,
    NotSent,
    Outcome,
    Refused,
    RetryContract,
    Unknown,
    Written,
)
from erp_mcp.domain.entities import ENTITIES, Record, field_specs
from erp_mcp.domain.reference import is_reference
from erp_mcp.domain.write_plan import Find, Lookup, Plan, TakenIn
from erp_mcp.errors import BadAnswerError, GatewayError, SystemRefusedError, TooLargeError
from erp_mcp.ports import Adapter

NOT_A_SEARCH: Final = "gives records that were not asked for"


class Wire(Protocol):
    """What a protocol does for a plan, with the account that writes."""

    async def looked_up(self, lookup: Lookup, facts: Facts) -> Sequence[Found]:
        """Return the records that a look-up finds, two at least where there are several.

        Raises:
            RefusedError: a value has no form there. GatewayError: as `Adapter.read`.
        """
        ...

    async def write(self, plan: Plan, facts: Facts) -> Verdict:
        """Send the one request of a plan and judge its answer.

        Raises:
            RefusedError: a value has no form there; nothing was sent. GatewayError: before anything was sent.
        """
        ...

    async def asked(self, plan: Plan, accepted: TakenIn, facts: Facts) -> Verdict:
        """Ask with `facts.ticket` what became of what the system took in; nothing is written.

        Returns:
            `command.Accepted` while it goes on, `Unknown` where its answer says nothing or it does not know the ticket.

        Raises:
            RefusedError: the ticket has no form there. GatewayError: as `Adapter.read`.
        """
        ...

    async def bearing(self, find: Find, facts: Facts) -> Sequence[Document]:
        """Return the documents whose field `find.by` is exactly our reference.

        Raises:
            BadAnswerError: `adapter.bad_answer`, when none does and others came: who does not search finds nothing.
            GatewayError: as `Adapter.read`.
        """
        ...

    async def ready(self, plan: Plan, facts: Facts) -> str:
        """Return how the contract of a plan is kept, `verified: …`, or what is missing; nothing is written."""
        ...

    async def about(self) -> Mapping[str, str]:
        """Return what is known of product, version and server time."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCommands:
    """Writes by plans. `reader` reads canonical records with the account that writes."""

    system: str
    account: str
    plans: Mapping[str, Plan]
    wire: Wire
    reader: Adapter
    key_parts: Mapping[str, int]
    units: Mapping[str, str]
    options: Mapping[str, str]

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        """The operations of the profile with their contracts."""
        return {name: plan.contract for name, plan in self.plans.items()}

    async def send(self, command: Command) -> Outcome:
        """Write one change; see `ports.Commands.send`."""
        plan = self.plans.get(command.operation)
        if plan is None:
            return Refused(code="unknown_operation")
        if not is_reference(command.reference):
            return Refused(code="bad_reference")
        try:
            facts = await self._facts(plan, command)
            held = await self._held(plan, command)
            if held is not None:
                return held
            verdict = await self.wire.write(plan, facts)
        except RefusedError as refusal:
            return Refused(code=str(refusal))
        except GatewayError as failure:
            return before_sending(failure)
        if isinstance(verdict, Conflict):
            return await self._superseded(plan, command)
        return await self._committed(plan, command, verdict) if isinstance(verdict, Accepted) else verdict

    async def find(self, command: Command) -> Written | None:
        """Return what a command wrote; see `ports.Commands.find`.

        A change is there where the record has another version and the values that were asked for; a new record is the
        only one that bears our reference.
        """
        plan = self.plans.get(command.operation)
        if plan is None:
            raise SystemRefusedError(system=self.system, reason="the profile has no such operation")
        if plan.changes:
            return await self._changed(plan, command)
        if plan.find is None:
            raise SystemRefusedError(system=self.system, reason="this operation can't be read back")
        return await self._made(plan, plan.find, command)

    async def acknowledged(self, command: Command, ticket: str) -> Committed | Refused | Taken | Unknown | None:
        """Return what the system says by now of what it took in; see `ports.Acknowledges.acknowledged`.

        That it is done is believed once what it wrote is seen, where the contract says how to look; so a ticket that is
        mixed up, or somebody else's, makes nothing committed.
        """
        plan = self.plans.get(command.operation)
        if plan is None:
            raise SystemRefusedError(system=self.system, reason="the profile has no such operation")
        if plan.accepted is None or not ticket:
            return await self._seen(plan, command)
        verdict = await self._word(plan, plan.accepted, command, ticket)
        match verdict:
            case Taken():
                return verdict
            case Accepted():
                return await self._done(plan, command, verdict)
            case Unknown():
                return await self._seen(plan, command) or verdict
            case Refused() if plan.changes:
                return verdict
        there = await self._seen(plan, command)
        if isinstance(verdict, Refused) and there:  # a second delivery may be refused for what the first one did
            return Unknown(reason="refused_but_there", native_code=verdict.native_code)
        return there or _said_no(verdict)

    async def probe(self) -> Mapping[str, str]:
        """Return account, product, server time, and for each operation how its contract is kept; writes nothing."""
        told = {name: await self.wire.ready(plan, self._nobodys(plan)) for name, plan in self.plans.items()}
        return {"account": self.account or "(by its secret)", **await self.wire.about(), **told}

    async def close(self) -> None:
        """Let go of connections."""
        await self.wire.close()
        await self.reader.close()

    def _nobodys(self, plan: Plan) -> Facts:
        return Facts(command=nobodys(plan), units=self.units, options=self.options)

    # --- Before -------------------------------------------------------------------------------------------------------

    async def _facts(self, plan: Plan, command: Command) -> Facts:
        """Return what values are made of, after every look-up; what must be absent is.

        Look-ups come before the record is compared: whoever changes one of them later meets its version.
        """
        for name, code in plan.absent.items():
            if command.fields.get(name) not in (None, []):
                raise RefusedError(code)
        key = split_key(command.key, self.key_parts[command.operation]) if command.key else ()
        if key is None or bool(key) != plan.changes:
            raise RefusedError("bad_key")
        known = Facts(command=command, key=key, units=self.units, options=self.options)
        found: dict[str, Found] = {}
        for lookup in plan.lookups:
            rows = await self.wire.looked_up(lookup, replace(known, found=found))
            if len(rows) != 1:
                raise RefusedError(lookup.many if rows else lookup.none)
            found[lookup.name] = rows[0]
        return replace(known, found=found)

    async def _held(self, plan: Plan, command: Command) -> Outcome | None:
        """Return why nothing is sent: the record is another one than it was, or our reference is there already."""
        if not plan.changes:
            there = plan.find is not None and await self._bearing(plan.find, command)
            return Unknown(reason="reference_exists") if there else None
        record = await self._record(plan, command.key)
        if record is None or record.version_token != command.version_token:
            return Conflict()
        return held_back(plan, command, record)

    # --- Later --------------------------------------------------------------------------------------------------------

    async def _word(self, plan: Plan, accepted: TakenIn, command: Command, ticket: str) -> Verdict:
        """Return what the system says with a ticket; an answer that makes no sense is none."""
        facts = replace(self._nobodys(plan), command=command, ticket=ticket)
        try:
            return await self.wire.asked(plan, accepted, facts)
        except RefusedError:
            return Unknown(reason="ticket_unusable")
        except TooLargeError:
            return Unknown(reason="answer_too_large")
        except BadAnswerError:
            return Unknown(reason="answer_unreadable")

    async def _done(self, plan: Plan, command: Command, accepted: Accepted) -> Committed | Refused | Unknown:
        if plan.contract.kind == "none":  # nothing finds it, so that the system's word stands, as in an answer at once
            if not plan.changes and not _key_of(plan, accepted):
                return Unknown(reason="names_nothing")  # a page that only looks like an answer names nothing either
            outcome = await self._committed(plan, command, accepted)
            return outcome if isinstance(outcome, Committed | Unknown) else Unknown(reason="not_seen_yet")
        there = await self.find(command)
        return Committed(written=there, warnings=accepted.warnings) if there else Unknown(reason="not_seen_yet")

    async def _seen(self, plan: Plan, command: Command) -> Committed | None:
        """Return what is there, where that can be looked for."""
        there = await self.find(command) if plan.contract.kind != "none" else None
        return Committed(written=there) if there is not None else None

    # --- After --------------------------------------------------------------------------------------------------------

    async def _superseded(self, plan: Plan, command: Command) -> Outcome:
        """Return what another version means that the system met in our request.

        It was compared just before. Where it now has what was asked for, somebody on the way may have sent our request
        twice, so that the first one did it; reading back later tells.
        """
        if not plan.changes or plan.contract.kind == "none":
            return Conflict()
        try:
            there = await self._changed(plan, command)
        except GatewayError:
            return Unknown(reason="superseded_unseen")
        return Conflict() if there is None else Unknown(reason="superseded_as_asked")

    async def _committed(self, plan: Plan, command: Command, accepted: Accepted) -> Outcome:
        """Return the record as it is now; where it can't be read, that it was written is certain all the same."""
        if not _about_this(plan, command, accepted):
            return Unknown(reason="answer_about_another")
        key, looked = command.key or _key_of(plan, accepted), True
        try:
            written = await self._written(plan, command, key) if key else await self.find(command)
        except GatewayError:
            written, looked = None, False
        if written is None and accepted.replayed:
            return Unknown(reason="replayed_unseen")
        if written is None and looked and not key:
            return Unknown(reason="not_seen_yet")  # the answer names nothing, and nothing is there
        if written is None:
            return Committed(written=_unread(plan, command, key), warnings=accepted.warnings)
        if accepted.replayed and not _as_asked(plan, command, written):
            return Unknown(reason="replayed_another")  # the system knew the key of a repeat, not what was asked for
        if plan.changes and written.version_token == command.version_token:
            return Unknown(reason="not_seen_yet")  # it may be on its way there; reading back later tells
        return Committed(written=written, warnings=accepted.warnings)

    async def _changed(self, plan: Plan, command: Command) -> Written | None:
        record = await self._record(plan, command.key)
        if record is None or record.version_token == command.version_token:
            return None
        written = _shown(plan, command, record)
        return written if has_become(plan, record) and _as_asked(plan, command, written) else None

    async def _made(self, plan: Plan, find: Find, command: Command) -> Written | None:
        if not is_reference(command.reference):
            return None  # nothing is ever sent under such a one
        rows = await self._bearing(find, command)
        if not rows:
            return None
        if len(rows) > 1:  # a copy by hand keeps the reference: nobody can say which is which
            raise BadAnswerError(system=self.system, field="reference", reason="borne by several records")
        key = _joined(rows[0], find.key)
        if not key:
            raise BadAnswerError(system=self.system, field="source_key", reason="missing or not a key")
        return await self._written(plan, command, key) or _unread(plan, command, key)

    async def _bearing(self, find: Find, command: Command) -> Sequence[Document]:
        return await self.wire.bearing(find, Facts(command=command, units=self.units, options=self.options))

    async def _written(self, plan: Plan, command: Command, key: str) -> Written | None:
        record = await self._record(plan, key)
        return _shown(plan, command, record) if record is not None else None

    async def _record(self, plan: Plan, key: str) -> Record | None:
        found = await self.reader.read(plan.entity, [key])
        return next((one for one in found if one.source_key == key), None)


def bears_alike(found: Value, reference: str) -> bool:
    """Say whether a search for a reference may give a record with this value: one that differs in letter case alone.

    Any other shows that the search is not obeyed. Of such a system a few records came, so that ours is not among them
    proves nothing.
    """
    return isinstance(found, str) and found.strip().casefold() == reference.casefold()


def value_at(document: Document, path: str) -> Value:
    """Return what a dotted path leads to, `None` where nothing is there; a number goes into a list.

    V2 wraps lists as `{"results": […]}`, which counts as the list.
    """
    found: Value | Document = document
    for part in path.split("."):
        if isinstance(found, Mapping) and isinstance(found.get("results"), list) and part.isdecimal():
            found = found["results"]
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found  # type: ignore[return-value]  # a path has a part, so it is a value of the document


def _joined(document: Document, paths: Sequence[str]) -> str:
    """Return a source key made of values of a document, empty where one is missing that does not end with `?`."""
    try:
        parts = [_part_of(document, path) for path in paths]
        whole = all(part or path.endswith("?") for part, path in zip(parts, paths, strict=True))
        return joined_key(parts) if whole and any(parts) else ""
    except ShapeError:
        return ""


def _part_of(document: Document, path: str) -> str:
    return path[1:] if path.startswith("=") else code_of(value_at(document, path.removesuffix("?"))) or ""


def _said_no(verdict: Refused | Conflict | NotSent) -> Refused:
    """Return what a system's no means that comes later: it took it in, so it is over, whatever the reason."""
    match verdict:
        case Refused():
            return verdict
        case Conflict():
            return Refused(code="record_changed")
        case NotSent(reason=reason):
            return Refused(code=reason)


def _key_of(plan: Plan, accepted: Accepted) -> str:
    if accepted.status is not None:
        return _joined(accepted.status, plan.accepted.ask.made) if plan.accepted and plan.accepted.ask.made else ""
    if plan.made_in_location:
        return accepted.location
    return _joined(accepted.document, plan.made) if plan.made and accepted.document is not None else ""


def _about_this(plan: Plan, command: Command, accepted: Accepted) -> bool:
    """Say whether an answer that shows our reference's field shows our reference."""
    if plan.reference is None or accepted.document is None:
        return True
    first = plan.reference.path.replace(".", ".0.") if "." in plan.reference.path else plan.reference.path
    seen = [value_at(accepted.document, path) for path in {plan.reference.path, first}]
    return all(one is None or one == command.reference for one in seen if not isinstance(one, list | dict))


def _shown(plan: Plan, command: Command, record: Record) -> Written:
    """Return a record as what was written: of its fields only those that the command has, under the same names."""
    names = {spec.name for spec in field_specs(type(record))}
    shown = {name: plan.shown.get(name, name) for name in command.fields}
    document = canonical(record, type_key(plan.entity))
    return Written(
        document=str(document or record.source_key),
        key=record.source_key,
        version_token=record.version_token,
        fields={name: canonical(record, there) for name, there in shown.items() if there in names},
    )


def _unread(plan: Plan, command: Command, key: str) -> Written:
    """Return what is known of a record that was written and can't be read."""
    number = str(command.fields.get(type_key(plan.entity)) or "") if plan.changes else key.partition("/")[0]
    return Written(document=number or f"ref:{command.reference}", key=key, version_token="", fields={})


def type_key(entity: str) -> str:
    """Return the field that holds the number people know a record of an entity by."""
    return ENTITIES[entity].KEY[0]


def _as_asked(plan: Plan, command: Command, written: Written) -> bool:
    """Say whether a record has every value that was asked for, of those it shows."""
    named = set(plan.same)
    asked = {name: value for name, value in command.fields.items() if name not in named and name in written.fields}
    return bool(asked or plan.becomes) and all(written.fields[name] == value for name, value in asked.items())
