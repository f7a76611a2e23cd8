"""What REST does for a plan: addresses of fixed pieces and encoded values, one request, its answer judged by path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urlsplit

from erp_mcp.adapters._documents import command_tickets as tickets
from erp_mcp.adapters._documents.command_values import (
    Facts,
    Found,
    Native,
    RefusedError,
    applies,
    children_of,
    decimal_of,
    encode,
    flag_of,
    plain,
    repeat_key,
    text_of,
    whole_of,
)
from erp_mcp.adapters._documents.command_verdicts import Accepted, NativeError, Verdict, of_error, without_answer
from erp_mcp.adapters._documents.commands import NOT_A_SEARCH, bears_alike, value_at
from erp_mcp.adapters._documents.json_text import Document, Value, document_in
from erp_mcp.adapters.rest import commands_readiness as readiness
from erp_mcp.domain import write_plan as plan_of
from erp_mcp.domain.command import NotSent, Unknown
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.write_plan import LATER, Children, Find, Inner, Judging, Lookup, Part, Place, Plan, TakenIn
from erp_mcp.egress import Answer, Egress
from erp_mcp.egress.transport import Method
from erp_mcp.errors import BadAnswerError, GatewayError, SystemRefusedError, SystemUnreachableError

_OK: Final = 200
_SERVER_ERROR: Final = 500
_GONE: Final = frozenset({404, 410})
_REFUSALS: Final = {401: "sign-in", 403: "access", 405: "reading not allowed"}
_JSON: Final = {"Accept": "application/json"}
_MAX_ROWS: Final = 200
_MAX_SEGMENT: Final = 300


class RestWire:
    """Carries plans to one system; the only requests that change anything are those of the plans it is given."""

    def __init__(
        self, system: str, base: str, headers: Mapping[str, str], egress: Egress, plans: Iterable[Plan]
    ) -> None:
        """Contact nothing yet.

        Args:
            system: Its name in the deployment.
            base: The address below which all paths are.
            headers: What goes with each request.
            egress: What carries requests.
            plans: What may be written.
        """
        self._system = system
        self._listed = frozenset(plan.write.target for plan in plans)
        self._base = base.rstrip("/")
        self._headers = {**_JSON, **headers}
        self._egress = egress
        self._date = ""

    async def looked_up(self, lookup: Lookup, facts: Facts) -> Sequence[Found]:
        """Return the records that have every value asked for; see `commands.Wire`."""
        answer = await self._get(self._url(lookup.place, facts))
        if answer is None:
            return []
        wanted = {path: str(text_of(one, facts)) for path, one in lookup.where.items()}
        rows = [row for row in self._rows(answer, lookup.rows) if _matches(row, wanted)]
        return [self._found(lookup, row, answer) for row in rows]

    async def bearing(self, find: Find, facts: Facts) -> Sequence[Document]:
        """Return the documents that bear our reference as a whole; see `commands.Wire`."""
        try:
            url = self._url(find.place, facts)
            wanted = {path: str(text_of(one, facts)) for path, one in find.where.items()}
        except RefusedError as refusal:
            raise BadAnswerError(system=self._system, reason=str(refusal)) from None
        answer = await self._get(url)
        if answer is None:
            raise BadAnswerError(system=self._system, reason="what is to be searched is not there")
        rows, reference = self._rows(answer, find.rows), facts.command.reference
        ours = [row for row in rows if value_at(row, find.by) == reference and _matches(row, wanted)]
        if not ours and any(not bears_alike(value_at(row, find.by), reference) for row in rows):
            raise BadAnswerError(system=self._system, field=find.by, reason=NOT_A_SEARCH)
        return ours

    async def write(self, plan: Plan, facts: Facts) -> Verdict:
        """Send the one request of a plan; see `commands.Wire`."""
        write, reference = plan.write, facts.command.reference
        if write.target not in self._listed:
            raise RefusedError("not_a_listed_write")
        method: Method = "POST" if write.method == "MERGE" else write.method
        body = encode(_body(write.body, facts)) if write.body else b""
        url, headers = self._url(write.place, facts), {**self._headers, **_headers(plan, facts)}
        try:
            answer = await self._egress.send(method, url, headers=headers, body=body, once=True, reference=reference)
        except GatewayError as failure:
            return without_answer(failure)
        self._date = answer.headers.get("date", self._date)
        if plan.accepted is not None and answer.status in plan.accepted.statuses:
            return tickets.taken_in(plan.accepted, answer, _document(answer), url, self._base)
        verdict = judged(plan, answer)
        if isinstance(verdict, NotSent):
            self._egress.released(reference)
        return verdict

    async def asked(self, plan: Plan, accepted: TakenIn, facts: Facts) -> Verdict:
        """Ask with a ticket what became of what was taken in; see `commands.Wire`."""
        place = accepted.ask.place
        url = self._url(place, facts) if place is not None else tickets.address_of(facts.ticket, self._base)
        answer = await self._egress.send("GET", url, headers={**self._headers, **tickets.wanted(accepted)})
        self._date = answer.headers.get("date", self._date)
        if answer.status in tickets.NOT_THERE:
            return tickets.GONE
        if answer.status == tickets.UNDER_WAY:
            return tickets.still(accepted, answer, url, self._base)
        if answer.status >= _SERVER_ERROR or answer.status in _REFUSALS:
            raise self._no_answer(answer)
        if not accepted.ask.state:
            told = tickets.last_word(answer, bare=_is_told(plan.judging, answer))
            return judged(plan, told) if told is not None else tickets.UNREADABLE
        document = _document(answer)
        if answer.status != _OK or document is None:
            return tickets.UNREADABLE
        return tickets.word_in(accepted, document, answer)

    async def ready(self, plan: Plan, facts: Facts) -> str:
        """Return how the contract of a plan is kept, or what is missing."""
        return await readiness.of(plan, self, facts)

    async def about(self) -> Mapping[str, str]:
        """Return the server's time at its last answer, where it is told."""
        try:
            moment = parsedate_to_datetime(self._date)
        except ValueError:
            return {}
        return {"server_time": instant_text(moment.astimezone(UTC))} if _aware(moment) else {}

    async def close(self) -> None:
        """Let go of connections."""
        await self._egress.close()

    def _url(self, place: Place, facts: Facts) -> str:
        pieces = [quote(one, safe="/") if isinstance(one, str) else _segment(one, facts) for one in place.path]
        query = "&".join(f"{quote(name, safe='$')}={_asked(one, facts)}" for name, one in place.query.items())
        return f"{self._base}/{'/'.join(pieces)}{f'?{query}' if query else ''}"

    async def _get(self, url: str) -> Answer | None:
        answer = await self._egress.send("GET", url, headers=self._headers)
        self._date = answer.headers.get("date", self._date)
        if answer.status in _GONE:
            return None
        if answer.status != _OK:
            raise self._no_answer(answer)
        return answer

    def _no_answer(self, answer: Answer) -> GatewayError:
        """Return what an answer to a read means that is none."""
        if answer.status in _REFUSALS:
            return SystemRefusedError(system=self._system, reason=_REFUSALS[answer.status])
        reason = f"status {answer.status}"
        if answer.status >= _SERVER_ERROR:
            return SystemUnreachableError(system=self._system, reason=reason)
        return BadAnswerError(system=self._system, reason=reason)

    def _rows(self, answer: Answer, path: str) -> list[Document]:
        """Return the rows of an answer; one that has no list where it must be is no answer."""
        document = _document(answer)
        if document is None:
            raise BadAnswerError(system=self._system, reason="not a JSON answer")
        if not path:
            return [document]
        found = value_at(document, path)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise BadAnswerError(system=self._system, reason="no list of records")
        if len(found) > _MAX_ROWS:
            raise BadAnswerError(system=self._system, reason="more records than a search of one may give")
        return [one for one in found if isinstance(one, dict)]

    def _found(self, lookup: Lookup, row: Document, answer: Answer) -> Found:
        taken = {path: value_at(row, path) for path in lookup.take}
        if lookup.version:
            told = value_at(row, lookup.version)
            return Found(document=taken, version=told if isinstance(told, str) else "")
        etag = row.get("@odata.etag") or (answer.headers.get("etag", "") if not lookup.rows else "")
        return Found(document=taken, version=etag if isinstance(etag, str) else "")


def _is_told(judging: Judging, answer: Answer) -> bool:
    """Say whether an answer about what was taken in is the one that the write would have had.

    One that refuses may be about the asking alone: it counts where it gives a code that the profile knows.
    """
    error = _error(judging, _document(answer)) if judging.error else None
    known = error is not None and any(judging.codes.get(one, LATER) != LATER for one in error.codes)
    return known or answer.status in judging.done | judging.empty


def judged(plan: Plan, answer: Answer) -> Verdict:
    """Return what an answer to the request of a plan means."""
    judging, document = plan.judging, _document(answer)
    if answer.status in judging.empty and not answer.body:
        return Accepted(location=_location(answer), replayed=_replayed(plan, answer))
    if answer.status not in judging.done or (document is not None and _says_failed(judging, document)):
        return of_error(answer, _error(judging, document), judging.codes, changes=plan.changes)
    if document is None:
        return Unknown(reason="answer_unreadable")
    return Accepted(document=document, location=_location(answer), replayed=_replayed(plan, answer))


def _document(answer: Answer) -> Document | None:
    kind = answer.media_type
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    return document_in(answer.body) if is_json else None


def _error(judging: Judging, document: Document | None) -> NativeError | None:
    """Return the error in a body; where the profile names its place, a body without anything there is none."""
    if document is None:
        return None
    if not judging.error:
        return NativeError()
    code = value_at(document, judging.error)
    if isinstance(code, bool) or not isinstance(code, str | int) or code == "":
        return None
    return NativeError(codes=(str(code),))


def _says_failed(judging: Judging, document: Document) -> bool:
    if not judging.failed:
        return False
    found = value_at(document, judging.failed)
    if judging.failed_values:
        return any(found == one and isinstance(found, bool) == isinstance(one, bool) for one in judging.failed_values)
    return bool(found)


def _replayed(plan: Plan, answer: Answer) -> bool:
    """Say whether an answer is the stored one of an earlier request, which may have asked for something else."""
    header = plan.write.idempotency.replayed if plan.write.idempotency else ""
    return bool(header) and answer.headers.get(header, "").strip().lower() not in {"", "false", "0", "no"}


def _location(answer: Answer) -> str:
    """Return the last segment of where a new record is, empty where that is not told."""
    path = urlsplit(answer.headers.get("location", "")).path.rstrip("/")
    last = path.rpartition("/")[2]
    return last if last.isprintable() and len(last) <= _MAX_SEGMENT and "%" not in last else ""


def _headers(plan: Plan, facts: Facts) -> dict[str, str]:
    """Return the headers of a write: fixed ones, the version condition, the key of repeats.

    Raises:
        RefusedError: when there is no version to name.
    """
    write = plan.write
    found = {"Content-Type": "application/json", **write.headers, **tickets.preferences(plan)}
    if write.if_match:
        one = facts.found.get(write.if_match)
        version = facts.command.version_token if write.if_match == "version" else one.version if one else ""
        if not version or version == "*" or not version.isprintable() or not version.isascii():
            raise RefusedError("no_version")
        found["If-Match"] = version
    if write.idempotency is not None:
        found[write.idempotency.header] = repeat_key(facts.command.reference, write.idempotency.form)
    return found


def _body(parts: Mapping[str, Part], facts: Facts) -> dict[str, Native]:
    body: dict[str, Native] = {}
    for name, part in parts.items():
        match part:
            case plan_of.Value() if not applies(part, facts):
                continue
            case plan_of.Value():
                if (value := _typed(part, facts)) is not None or part.source == "const":
                    body[name] = value
            case Inner(body=inner):
                body[name] = _body(inner, facts)
            case Children():
                body[name] = [_body(one, known) for one, known in children_of(part, facts)]
    return body


def _typed(value: plan_of.Value, facts: Facts) -> Native:
    found = text_of(value, facts)
    if not isinstance(found, str):
        return found
    match value.kind:
        case "decimal":
            return plain(decimal_of(value, found))
        case "number":
            return decimal_of(value, found)
        case "integer":
            return whole_of(value, found)
        case "flag":
            return flag_of(value, found)
    if value.digits is not None:
        decimal_of(value, found)
    return found


def _segment(value: plan_of.Value, facts: Facts) -> str:
    """Return a value as one segment of a path: a slash, a dot or a percent sign is never itself in it."""
    text = _plain(replace(value, prefix="", suffix=""), facts)
    if not text.isprintable() or text in {"", ".", ".."} or len(text) > _MAX_SEGMENT:
        raise RefusedError("bad_key")
    return f"{value.prefix}{quote(text, safe='')}{value.suffix}"


def _asked(value: plan_of.Value, facts: Facts) -> str:
    return quote(_plain(value, facts), safe="")


def _plain(value: plan_of.Value, facts: Facts) -> str:
    found = text_of(value, facts)
    return str(found).lower() if isinstance(found, bool) else str(found)


def _matches(row: Document, wanted: Mapping[str, str]) -> bool:
    return all(_same(value_at(row, path), text) for path, text in wanted.items())


def _same(found: Value, asked: str) -> bool:
    if isinstance(found, bool):
        return str(found).lower() == asked
    if isinstance(found, int | Decimal):
        return str(found) == asked
    return found == asked


def _aware(moment: datetime) -> bool:
    return moment.tzinfo is not None
