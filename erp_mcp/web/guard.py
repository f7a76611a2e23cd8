"""What every request meets before anything of ours runs, and what every answer carries.

The browser is told to run nothing, load nothing from elsewhere, send forms nowhere else, and show the page in no frame.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from erp_mcp.web.origin import Origin

MAX_BODY: Final = 32_768  # bytes of a form
MAX_HEADERS: Final = 16_384  # bytes of all headers; the server's own limit is for heads that come in pieces
ROOT: Final = "erp_mcp.root"  # key of a request's scope: the path under which the page lies, without its end
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would take the origin off our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_STRICT_TRANSPORT: Final = "max-age=31536000"
_METHODS: Final = ("GET", "HEAD", "POST")


class Guard:
    """Refuses what no browser of ours sends, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, *, origin: Origin) -> None:
        """Stand before `app`, which lives at `origin`."""
        self._app = app
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._set(MutableHeaders(scope=message))
            await send(message)

        refused = self._refusal(scope["method"], Headers(scope=scope))
        inside = self._inside(scope["path"])
        if refused is None and inside is None:
            told = f"This page lies under {self._origin.root}/; a proxy before it has to pass on the path as it came.\n"
            refused = PlainTextResponse(told, status_code=404)
        if refused is None:
            await self._app({**scope, "path": inside, ROOT: self._origin.root}, receive, with_headers)
        else:
            await refused(scope, receive, with_headers)

    def _inside(self, path: str) -> str | None:
        """Return a path as the pages know it; `None` for one that does not lie under the page's own."""
        root = self._origin.root
        if not root or path == root:
            return path if not root else "/"
        return path.removeprefix(root) if path.startswith(f"{root}/") else None

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        if sum(len(name) + len(value) + 4 for name, value in headers.raw) > MAX_HEADERS:
            return PlainTextResponse("That is too much in headers.\n", status_code=431)
        if headers.getlist("host") and headers.getlist("host")[0].lower() not in self._origin.hosts:
            return PlainTextResponse(f"This page does not live under that name. {self._named()}\n", status_code=421)
        if len(headers.getlist("host")) != 1:
            return PlainTextResponse("One Host is needed.\n", status_code=400)
        if method not in _METHODS:
            return PlainTextResponse("Only GET and POST.\n", status_code=405, headers={"Allow": ", ".join(_METHODS)})
        if method == "POST" and not self._comes_from_here(headers):
            return PlainTextResponse("This form was not sent from this page.\n", status_code=403)
        return None

    def _named(self) -> str:
        """Return what whoever set up a proxy wrongly has to know; nothing of it comes from the request."""
        if self._origin.public:
            return f"It lives at {self._origin.public}/; a proxy before it has to pass on Host as it came."
        return "Where a proxy stands before it, start it with --public-url and the proxy's address."

    def _comes_from_here(self, headers: Headers) -> bool:
        """Whether a browser says that our own page sent the form; one that says nothing is held to its token alone."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        return (site is None or site == "same-origin") and (origin is None or origin in self._origin.origins)

    def _set(self, headers: MutableHeaders) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        if self._origin.scheme == "https":
            headers["Strict-Transport-Security"] = _STRICT_TRANSPORT
