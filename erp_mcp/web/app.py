"""The page as an ASGI application: which address leads to which page, and what stands before all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import parse_qsl

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from erp_mcp.credentials.oidc import CALLBACK, LOGOUT
from erp_mcp.errors import GatewayError
from erp_mcp.web import (
    back_channel,
    deciding,
    figures,
    narrowing,
    outsiders,
    proposal,
    queue,
    rendering,
    reviewing,
    settling,
    signing_in,
    single_sign_on,
    stopping,
    tasks,
)
from erp_mcp.web.begun import LASTS
from erp_mcp.web.failing import failure
from erp_mcp.web.frame import bare, frame
from erp_mcp.web.guard import MAX_BODY, ROOT, Guard
from erp_mcp.web.office import Office
from erp_mcp.web.returning import client_of
from erp_mcp.web.visit import Answer, GoTo, Page, Told, Visit

_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 400  # a large order has some for each line


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One address: what GET shows or POST does there; `open` ones answer nobody in particular.

    What a `server` sends comes without a form of ours, and is held to what it says alone.
    """

    method: Literal["GET", "POST"]
    address: str
    page: Page
    open: bool = False
    server: bool = False


WAYS: Final = (
    Way(method="GET", address="/sign-in", page=signing_in.ask, open=True),
    Way(method="POST", address="/sign-in", page=signing_in.sign_in, open=True),
    Way(method="POST", address="/sign-out", page=signing_in.sign_out),
    Way(method="POST", address="/oidc/begin", page=single_sign_on.begin, open=True),
    Way(method="POST", address="/oidc/prove", page=single_sign_on.prove),
    Way(method="GET", address=CALLBACK, page=single_sign_on.come_back, open=True),
    Way(method="POST", address=LOGOUT, page=back_channel.sign_out, open=True, server=True),
    Way(method="GET", address="/", page=queue.show),
    Way(method="GET", address="/proposals/{id}", page=proposal.show),
    Way(method="POST", address="/proposals/{id}/approve", page=deciding.approve),
    Way(method="POST", address="/proposals/{id}/break-glass", page=deciding.break_glass),
    Way(method="POST", address="/proposals/{id}/review", page=reviewing.review),
    Way(method="POST", address="/proposals/{id}/reject", page=deciding.reject),
    Way(method="POST", address="/proposals/{id}/narrow", page=narrowing.work_out),
    Way(method="POST", address="/proposals/{id}/narrowed", page=narrowing.approve),
    Way(method="POST", address="/proposals/{id}/look", page=settling.look),
    Way(method="POST", address="/proposals/{id}/resolve", page=settling.resolve),
    Way(method="GET", address="/tasks", page=tasks.show),
    Way(method="GET", address="/tasks/{id}", page=tasks.one),
    Way(method="POST", address="/tasks/{id}/done", page=tasks.done),
    Way(method="POST", address="/tasks/{id}/cancel", page=tasks.cancel),
    Way(method="GET", address="/taint", page=outsiders.show),
    Way(method="POST", address="/taint", page=outsiders.clear),
    Way(method="GET", address="/figures", page=figures.show),
    Way(method="GET", address="/stop", page=stopping.show),
    Way(method="POST", address="/stop", page=stopping.stop),
    Way(method="POST", address="/resume", page=stopping.resume),
)


def application(office: Office) -> Guard:
    """Return the page of an office."""
    routes = [Route(one.address, _endpoint(office, one), methods=[one.method]) for one in WAYS]
    routes += [Route(f"/{name}", _static, methods=["GET"]) for name in rendering.STATIC]
    handlers: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: _lost,
        Exception: _broken,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), origin=office.origin)


def _root(request: Request) -> str:
    """Return the path under which the page lies, as the guard has found it."""
    return str(request.scope.get(ROOT, ""))


def cookie_name(office: Office) -> str:
    """Return the name of the cookie; by TLS it is one that no other host and no plain connection can set."""
    return "__Host-erp-mcp" if office.origin.scheme == "https" else f"erp-mcp-{office.origin.port}"


def begun_name(office: Office) -> str:
    """Return the name of the cookie that holds, for minutes, the sign-in at a provider that a browser has begun."""
    return f"{cookie_name(office)}-begun"


def _endpoint(office: Office, way: Way) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        form = await _form(request) if way.method == "POST" else {}
        return await anyio.to_thread.run_sync(_answered, office, way, request, form)

    return answer


def _answered(office: Office, way: Way, request: Request, form: Mapping[str, str]) -> Response:
    """Answer one request in a thread of its own: keys and the store take their time."""
    token = _cookie(request, cookie_name(office))
    visit = Visit(
        office=office,
        address=request.url.path,
        token=token,
        begun=_cookie(request, begun_name(office)),
        client=_client(office, request),
        path=dict(request.path_params),
        query=dict(parse_qsl(request.url.query, max_num_fields=_MOST_FIELDS)),
        form=form,
    )
    try:
        visit = _known(visit)
        if visit.who is None and not way.open:
            return _response(office, GoTo(address="/sign-in"), visit)
        if way.method == "POST" and not way.server:
            office.sessions.check_form(token, request.url.path, form.get("token", ""))
        return _response(office, way.page(visit), visit)
    except GatewayError as error:
        return _response(office, failure(error), visit)


def _known(visit: Visit) -> Visit:
    return replace(visit, who=visit.office.sessions.of(visit.token))


def _response(office: Office, answer: Answer, visit: Visit) -> Response:
    if isinstance(answer, Told):
        return JSONResponse(dict(answer.content), status_code=answer.status)
    if isinstance(answer, GoTo):
        response: Response = RedirectResponse(f"{office.origin.root}{answer.address}", status_code=303)
    else:
        token, facts = visit.token if answer.token is None else answer.token, dict(answer.facts)
        if visit.who is None and answer.template == "sign_in.html":
            token = str(facts.pop("holds"))
        text = rendering.render(
            answer.template, {**frame(visit if answer.token is None else replace(visit, who=None)), **facts}
        )
        response = HTMLResponse(text, status_code=answer.status)
        if answer.retry_after_s:
            response.headers["Retry-After"] = str(answer.retry_after_s)
        if token != visit.token:
            _set_cookie(office, response, token)
        if answer.begun is not None:
            _set_begun(office, response, answer.begun)
        return response
    if answer.token is not None:
        _set_cookie(office, response, answer.token)
    return response


def _set_cookie(office: Office, response: Response, token: str) -> None:
    name, secure = cookie_name(office), office.origin.scheme == "https"
    if token:
        response.set_cookie(name, token, path="/", httponly=True, samesite="strict", secure=secure)
    else:
        response.delete_cookie(name, path="/", httponly=True, samesite="strict", secure=secure)


def _set_begun(office: Office, response: Response, held: str) -> None:
    """Let a browser hold what it has begun; it brings it along when the provider sends it back, hence `lax`."""
    name, secure = begun_name(office), office.origin.scheme == "https"
    if held:
        lasts_s = int(LASTS.total_seconds())
        response.set_cookie(name, held, path="/", httponly=True, samesite="lax", secure=secure, max_age=lasts_s)
    else:
        response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=secure)


def _client(office: Office, request: Request) -> str:
    told = request.headers.getlist(office.client_header) if office.client_header else []
    return client_of(request.client.host if request.client else "", told)


def _cookie(request: Request, name: str) -> str:
    """Return our cookie; where a browser sends two of the name, none is believed."""
    found: list[str] = []
    for header in request.headers.getlist("cookie"):
        found += [
            part.partition("=")[2].strip() for part in header.split(";") if part.partition("=")[0].strip() == name
        ]
    return found[0] if len(found) == 1 else ""


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form, each given once.

    Raises:
        HTTPException: 413 for a body too large, 415 for another kind, 400 for one that is no form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413)
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise HTTPException(400) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise HTTPException(400)
    return fields


async def _static(request: Request) -> Response:
    name = request.url.path.removeprefix("/")
    return Response(rendering.static(name), media_type=rendering.STATIC[name])


async def _lost(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    told = {404: "There is no such page.", 405: "That can't be done there.", 413: "That is too much text."}
    facts = {"title": told.get(status, "This was no form of this page."), "advice": "", "code": "", "details": []}
    return HTMLResponse(rendering.render("message.html", {**bare(_root(request)), **facts}), status_code=status)


async def _broken(request: Request, error: Exception) -> Response:
    del error  # it is logged by the server; nothing of it is anybody's business here
    facts = {
        "title": "Something is broken here.",
        "advice": "Ask the operator: it stands in the log.",
        "code": "",
        "details": [],
    }
    return HTMLResponse(rendering.render("message.html", {**bare(_root(request)), **facts}), status_code=500)
