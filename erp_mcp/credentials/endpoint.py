"""An HTTP service that gives out secrets or tokens: one request, one strict JSON object, failures in our own words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from erp_mcp.credentials.certificates import trusted
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import (
    DestinationNotAllowedError,
    GatewayError,
    SecretUnavailableError,
    SystemUnreachableError,
)

if TYPE_CHECKING:
    import ssl

    from erp_mcp.egress import Egress

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
_MAX_BYTES: Final = 256 * 1024
_CONNECT_S: Final = 5.0
_TOTAL_S: Final = 10.0
_ONE_TRY: Final = TrafficLimits(attempts=1, retry_share=0.0)  # whoever keeps what we bring asks again, with pauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: its status, and its JSON object, empty where there is none. Its content is never shown."""

    status: int
    content: Mapping[str, Json]

    def __repr__(self) -> str:
        """Show the status alone."""
        return f"Reply(status={self.status})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the service is.

    `kept` names it in errors (`vault`, `token endpoint`); `system` is the system on whose behalf it is asked.
    `meanings` are the service's own words for reasons of ours, such as `status 503`.
    """

    system: str
    kept: str
    url: str
    networks: tuple[str, ...] = ()
    ca_file: str = ""
    certificate: Callable[[ssl.SSLContext], None] | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)

    async def ask(
        self, method: Literal["GET", "POST"], path: str, *, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """Send one request to `url` + `path` over a connection of its own, and return the answer.

        Connections are not kept: secrets are fetched rarely, and by whichever event loop needs them.

        Raises:
            SecretUnavailableError: `credentials.unavailable`, when there is no usable answer.
            ConfigurationError: `settings.bad_configuration`, for certificates that can't be read.
        """
        egress = self._egress()
        try:
            answer = await egress.send(method, f"{self.url}{path}", headers=headers, body=body)
        except SystemUnreachableError as failure:
            raise self.unavailable(str(failure.facts.get("reason", "not reachable"))) from None
        except DestinationNotAllowedError:
            raise self.unavailable("its address is not allowed; list its network under networks") from None
        except GatewayError as failure:
            raise self.unavailable(failure.code) from None
        finally:
            await egress.close()
        return Reply(status=answer.status, content=_object_of(answer.body))

    def unavailable(self, reason: str) -> SecretUnavailableError:
        """Return the error for a secret or token that can't be fetched now."""
        return SecretUnavailableError(system=self.system, kept=self.kept, reason=self.meanings.get(reason, reason))

    def _egress(self) -> Egress:
        from erp_mcp.egress import Egress, EgressLimits, Origin

        parts = urlsplit(self.url)
        origin = Origin.of(f"{parts.scheme}://{parts.netloc}")
        limits = EgressLimits(connect_s=_CONNECT_S, read_s=_TOTAL_S, total_s=_TOTAL_S, max_bytes=_MAX_BYTES)
        return Egress(
            system=self.system,
            allowed=[origin] if origin is not None else [],
            limits=limits,
            trust=trusted(self.ca_file, self.certificate),
            networks=self.networks,
            traffic_limits=_ONE_TRY,
        )


def _object_of(body: bytes) -> Mapping[str, Json]:
    """Return the JSON object that a body is; empty for anything else, so that callers find what they need missing."""
    try:
        found: Json = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _once(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refused(constant: str) -> Json:
    raise ValueError(constant)
