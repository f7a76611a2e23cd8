"""What an OData answer says of a write: documents, errors of both versions, messages beside a success, change sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from erp_mcp.adapters._documents.command_verdicts import Accepted, NativeError, Verdict, of_error
from erp_mcp.adapters._documents.json_text import Document, DocumentError, Value, decode_json, document_in
from erp_mcp.adapters._documents.refusals import native_code
from erp_mcp.adapters.odata.commands_batch import answers_of
from erp_mcp.domain.command import Unknown
from erp_mcp.domain.write_plan import Plan, Write
from erp_mcp.egress.wire import Answer

CSRF: Final = "x-csrf-token"
_DONE: Final = frozenset({200, 201})
_EMPTY: Final = 204
_SEVERE: Final = 4
_MESSAGES: Final = ("sap-message", "sap-messages")
_MAX_MESSAGES: Final = 64


def wants_token(answer: Answer) -> bool:
    """Say whether a write was turned away at the door since its token is none, or not any more."""
    return answer.status == 403 and answer.headers.get(CSRF, "").strip().lower() == "required"


def judged(plan: Plan, answer: Answer, write: Write | None = None) -> Verdict:
    """Return what an answer to one request means: the plan's own, or `write`, which was sent together with it."""
    changes = plan.changes and not plan.write.place.action if write is None else write.method != "POST"
    document = None if answer.status == _EMPTY else _document(answer)
    remarks = _remarks(answer, document)
    if answer.status == _EMPTY:
        return _beside(remarks) or Accepted(warnings=_codes(remarks))
    if answer.status not in _DONE:
        return of_error(answer, _error(document), plan.judging.codes, changes=plan.changes)
    if answer.status == 201 and changes:
        return Unknown(reason="made_another")  # it was to change what is there
    if document is None:
        return Unknown(reason="answer_unreadable")
    if _error(document) is not None:
        return Unknown(reason="answered_with_error")
    if (bad := _beside(remarks)) is not None:
        return bad
    shown = document.get("d", document)
    if not isinstance(shown, Mapping):
        return Unknown(reason="answer_unreadable")
    return Accepted(document=shown, warnings=_codes(remarks))


def judged_batch(plan: Plan, answer: Answer) -> Verdict:
    """Return what an answer to a change set means: that of the plan's own request, where every one was done.

    Only a set in which everything was done is believed. What an answer says of single requests in one that failed is
    not: it may tell of success what was rolled back, and of failure what was not.
    """
    if answer.status not in {200, 202}:
        return of_error(answer, _error(_document(answer)), plan.judging.codes, changes=plan.changes)
    answers = answers_of(answer, len(plan.write.whole))
    if answers is None:
        return Unknown(reason="change_set_failed" if answer.body else "answer_unreadable")
    first, *others = answers
    verdicts = [judged(plan, first)]
    verdicts += [judged(plan, one, write) for one, write in zip(others, plan.write.together, strict=True)]
    done = [one for one in verdicts if isinstance(one, Accepted)]
    if len(done) != len(verdicts):
        return Unknown(reason="change_set_failed")
    warnings = dict.fromkeys(code for one in done for code in one.warnings)
    return replace(done[0], warnings=tuple(warnings))


def shown_in(answer: Answer) -> Document | None:
    """Return the document that an answer shows, `None` where it shows none."""
    document = _document(answer)
    shown = document.get("d", document) if document is not None else None
    return shown if isinstance(shown, Mapping) else None


def _document(answer: Answer) -> Document | None:
    return document_in(answer.body) if answer.media_type == "application/json" else None


def _error(document: Document | None) -> NativeError | None:
    """Return the error that a body of either version is, with its codes; their texts are never looked at."""
    error = document.get("error") if document is not None else None
    if not isinstance(error, Mapping) or "code" not in error or "message" not in error:
        return None
    inner = error.get("innererror")
    lists = [error.get("details"), inner.get("errordetails") if isinstance(inner, Mapping) else None]
    details = [one for found in lists if isinstance(found, list) for one in found if isinstance(one, Mapping)]
    codes = [one.get("code") for one in (error, *details[:_MAX_MESSAGES])]
    return NativeError(codes=tuple(one for one in codes if isinstance(one, str)))


def _remarks(answer: Answer, document: Document | None) -> list[Mapping[str, Value]] | None:
    """Return the messages beside an answer, `None` where they can't be read."""
    found: list[Value] = [document["SAP__Messages"]] if document is not None and "SAP__Messages" in document else []
    for name in _MESSAGES:
        if text := answer.headers.get(name, ""):
            try:
                found.append(decode_json(text.encode("latin-1", "replace").decode("utf-8", "replace").encode()))
            except DocumentError:
                return None
    return [one for messages in found for one in _flat(messages)]


def _beside(remarks: list[Mapping[str, Value]] | None) -> Unknown | None:
    """Return what an error beside a success means: nobody knows; messages that can't be read may be one."""
    severe = [one for one in remarks or () if _severe(one)]
    if remarks is not None and not severe:
        return None
    return Unknown(reason="answered_with_error", native_code=next(iter(_codes(severe)), ""))


def _codes(remarks: list[Mapping[str, Value]] | None) -> tuple[str, ...]:
    found = [one.get("code") for one in remarks or ()]
    codes = [native_code(one) for one in found[:_MAX_MESSAGES]]
    return tuple(dict.fromkeys(one for one in codes if one))


def _flat(messages: Value) -> Iterator[Mapping[str, Value]]:
    for one in messages if isinstance(messages, list) else [messages]:
        if isinstance(one, Mapping):
            yield one
            details = one.get("details")
            yield from (inner for inner in details if isinstance(inner, Mapping)) if isinstance(details, list) else ()


def _severe(message: Mapping[str, Value]) -> bool:
    graded = message.get("numericSeverity", message.get("@Common.numericSeverity"))
    return message.get("severity") in {"error", "abort"} or graded == _SEVERE
