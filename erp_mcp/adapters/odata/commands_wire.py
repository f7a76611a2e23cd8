"""What OData does for a plan: look-ups by typed conditions, one request on the version that was read, its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from erp_mcp.adapters._documents import command_tickets as tickets
from erp_mcp.adapters._documents.command_values import Facts, Found, Native, RefusedError, encode, text_of
from erp_mcp.adapters._documents.command_verdicts import Verdict
from erp_mcp.adapters._documents.commands import NOT_A_SEARCH, bears_alike
from erp_mcp.adapters._documents.json_text import Document, Value
from erp_mcp.adapters.odata import commands_readiness as readiness
from erp_mcp.adapters.odata.commands_answers import judged, judged_batch, shown_in
from erp_mcp.adapters.odata.commands_batch import VERSIONS, Request, as_change_set
from erp_mcp.adapters.odata.commands_body import Schema, address_of, arguments_of, body_of, literal_of
from erp_mcp.adapters.odata.commands_session import WriteSession
from erp_mcp.adapters.odata.query import address, every
from erp_mcp.adapters.odata.service import Services
from erp_mcp.adapters.odata.shape import ETAG, Shape, ShapeChangedError
from erp_mcp.domain import write_plan as plan_of
from erp_mcp.domain.command import NotSent
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.write_plan import Find, Lookup, Place, Plan, TakenIn, Write
from erp_mcp.egress import Answer
from erp_mcp.errors import BadAnswerError

_FEW: Final = 3  # rows of a look-up: one is right, two are too many
_OK: Final = 200
_MERGE: Final = {"X-HTTP-Method": "MERGE"}
_MINIMAL: Final = {"Prefer": "return=minimal"}
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}


class ODataWire:
    """Carries plans to one system; the only requests that change anything are those of the plans it is given."""

    def __init__(self, system: str, services: Services, session: WriteSession, plans: Iterable[Plan]) -> None:
        """Contact nothing yet; `plans` list what may be written."""
        self._system = system
        self._listed = frozenset(write.target for plan in plans for write in plan.write.whole)
        self._services = services
        self._session = session

    async def looked_up(self, lookup: Lookup, facts: Facts) -> Sequence[Found]:
        """Return the records that have every value asked for; see `commands.Wire`."""
        where = {**lookup.place.key, **lookup.where}
        rows = await self._rows(lookup.place, where, lookup.take, facts)
        return [Found(document=one, version=str(one.get(ETAG, "") or "")) for one in rows]

    async def bearing(self, find: Find, facts: Facts) -> Sequence[Document]:
        """Return the documents that bear our reference as a whole; see `commands.Wire`."""
        where = {**find.where, find.by: plan_of.Value(source="reference")}
        try:
            taken = [name.removesuffix("?") for name in find.key if not name.startswith("=")]
            came, more = await self._answered(find.place, where, taken, facts)
            ours = [one for one in _of(came, where, facts) if one.get(find.by) == facts.command.reference]
        except RefusedError as refusal:
            raise BadAnswerError(system=self._system, reason=str(refusal)) from None
        if not ours and (more or any(not bears_alike(one.get(find.by), facts.command.reference) for one in came)):
            raise BadAnswerError(system=self._system, field=find.by, reason=NOT_A_SEARCH)
        return ours

    async def write(self, plan: Plan, facts: Facts) -> Verdict:
        """Send the one request of a plan, or its one change set; see `commands.Wire`."""
        if any(one.target not in self._listed for one in plan.write.whole):
            raise RefusedError("not_a_listed_write")
        alias, reference = plan.write.place.service, facts.command.reference
        schema = await self._session.schema(alias)
        request, *others = [self._request(one, schema, facts) for one in plan.write.whole]
        if plan.write.batch:
            base = self._session.base(alias)
            request = as_change_set([request, *others], base, schema.version, plan.write.batch)
        elif plan.accepted is not None:
            request = replace(request, headers={**request.headers, **tickets.preferences(plan)})

        async def is_there() -> bool:
            return plan.find is not None and bool(await self.bearing(plan.find, facts))

        answer = await self._session.send(alias, request, reference, is_there=is_there)
        if not isinstance(answer, Answer):
            return answer
        if plan.accepted is not None and answer.status in plan.accepted.statuses:
            shown = shown_in(answer)
            return tickets.taken_in(plan.accepted, answer, shown, request.url, self._session.base(alias))
        verdict = judged_batch(plan, answer) if plan.write.batch else judged(plan, answer)
        if isinstance(verdict, NotSent):
            self._session.released(reference)
        return verdict

    async def asked(self, plan: Plan, accepted: TakenIn, facts: Facts) -> Verdict:
        """Ask with a ticket what became of what was taken in; see `commands.Wire`."""
        ask = accepted.ask
        if ask.place is not None:
            taken = [one.removesuffix("?") for one in (ask.state, ask.error, *ask.made) if one and one[0] != "="]
            rows = await self._rows(ask.place, ask.place.key, taken, facts)
            if len(rows) > 1:
                return tickets.UNREADABLE
            return tickets.word_in(accepted, rows[0]) if rows else tickets.GONE
        base = self._session.base(plan.write.place.service)
        answer = await self._session.asked(tickets.address_of(facts.ticket, base), tickets.wanted(accepted))
        if answer.status in tickets.NOT_THERE:
            return tickets.GONE
        if answer.status == tickets.UNDER_WAY:
            return tickets.still(accepted, answer, tickets.address_of(facts.ticket, base), base)
        if answer.status != _OK:
            raise self._session.refused(answer)
        if ask.state:
            shown = shown_in(answer)
            return tickets.word_in(accepted, shown, answer) if shown is not None else tickets.UNREADABLE
        told = tickets.last_word(answer, bare=False)
        return judged(plan, told) if told is not None else tickets.UNREADABLE

    async def ready(self, plan: Plan, facts: Facts) -> str:
        """Return how the contract of a plan is kept, or what is missing."""
        return await readiness.of(plan, self._session, self, facts)

    async def about(self) -> Mapping[str, str]:
        """Return the server's time, where it is told."""
        moment = self._services.server_time()
        return {"server_time": instant_text(moment)} if moment else {}

    async def one_of(self, place: Place) -> Document | None:
        """Return some record of a set with its version, `None` where it has none."""
        schema = await self._session.schema(place.service)
        structure = schema.of_set(place.entity_set)
        shape = Shape.of(schema.model, structure, [(name,) for name in structure.keys])
        options = {**shape.query(schema.version), "$top": "1"}
        rows, _ = await self._page(place, shape, options)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Let go of connections."""
        await self._session.close()

    # --- Reads --------------------------------------------------------------------------------------------------------

    async def _rows(
        self, place: Place, where: Mapping[str, plan_of.Value], take: Sequence[str], facts: Facts
    ) -> list[Document]:
        """Return at most a few records with these values; what the system gives beside them is left out."""
        return _of((await self._answered(place, where, take, facts))[0], where, facts)

    async def _answered(
        self, place: Place, where: Mapping[str, plan_of.Value], take: Sequence[str], facts: Facts
    ) -> tuple[list[Document], bool]:
        """Return the few records that the system gives for these values, and whether it has more pages of them."""
        schema = await self._session.schema(place.service)
        structure = schema.of_set(place.entity_set)
        names = [(name,) for name in (*where, *take)]
        if any(schema.model.steps(structure, name) is None for name in names):
            raise RefusedError("unknown_property")
        conditions = [f"{name} eq {literal_of(schema, structure, name, one, facts)}" for name, one in where.items()]
        shape = Shape.of(schema.model, structure, names)
        options = {"$filter": every(conditions), **shape.query(schema.version), "$top": str(_FEW)}
        return await self._page(place, shape, options)

    async def _page(self, place: Place, shape: Shape, options: Mapping[str, str]) -> tuple[list[Document], bool]:
        url = address(self._session.base(place.service), place.entity_set, options)
        page = await self._services.page(place.service, url)
        try:
            return [shape.read(one) for one in page.items], bool(page.next_url)
        except ShapeChangedError as failure:
            raise BadAnswerError(system=self._system, field=failure.name, reason=failure.reason) from None

    # --- The write ----------------------------------------------------------------------------------------------------

    def _request(self, write: Write, schema: Schema, facts: Facts) -> Request:
        in_address = bool(write.place.action) and schema.version == 2
        address = address_of(schema, self._session.base(write.place.service), write.place, facts, parameters=write.body)
        body = b"" if in_address else encode(_body(schema, write, facts))
        headers = {**_JSON, **VERSIONS[schema.version], **_condition(write, facts)}
        if write.minimal:
            headers |= _MINIMAL
        if write.method == "MERGE":
            return Request(method="POST", url=address, headers={**headers, **_MERGE}, body=body)
        return Request(method=write.method, url=address, headers=headers, body=body)


def _body(schema: Schema, write: Write, facts: Facts) -> dict[str, Native]:
    place = write.place
    if place.action:
        return arguments_of(schema, place.action, write.body, facts)
    return body_of(schema, schema.of_set(place.entity_set), write.body, facts)


def _condition(write: Write, facts: Facts) -> dict[str, str]:
    """Return the version condition; what was to have one is never sent without.

    Raises:
        RefusedError: when there is no version to name.
    """
    source = write.if_match
    if not source:
        return {}
    found = facts.found.get(source)
    version = facts.command.version_token if source == "version" else found.version if found else ""
    if not version or version == "*" or not version.isprintable() or not version.isascii():
        raise RefusedError("no_version")
    return {"If-Match": version}


def _of(rows: Sequence[Document], where: Mapping[str, plan_of.Value], facts: Facts) -> list[Document]:
    wanted = {name: str(text_of(one, facts)) for name, one in where.items()}
    return [row for row in rows if all(_same(row.get(name), text) for name, text in wanted.items())]


def _same(found: Value, asked: str) -> bool:
    """Say whether a value that came is the one that was asked for; leading zeros are the system's own affair."""
    if isinstance(found, bool):
        return str(found).lower() == asked
    if isinstance(found, int | Decimal):
        return str(found) == asked or Decimal(found) == _number(asked)
    if not isinstance(found, str):
        return False
    return found == asked or found.lstrip("0") == asked.lstrip("0") or found.partition("T")[0] == asked


def _number(text: str) -> Decimal | None:
    return Decimal(text) if text.isascii() and text.replace(".", "", 1).isdecimal() else None
