"""Certificates: a system that wants ours gets it, with a key from wherever it is kept; whom we trust is ours to say."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from erp_mcp.credentials import Identity
from erp_mcp.credentials.identities import SignIn, identity_of
from erp_mcp.credentials.settings import AuthSettings, TlsSettings
from erp_mcp.egress import Egress, Origin
from erp_mcp.errors import ConfigurationError, SecretUnavailableError, SystemUnreachableError
from tests.guarantees import guarantees
from tests.systems.openbao.certificates import make_certificates
from tests.unit.credentials.service import Asked, Kept, Said, Service, no_key


@dataclass(frozen=True)
class Pki:
    """An authority, a certificate that serves on both sides, its key, and a server that insists on certificates."""

    ca_file: str
    certificate: str
    key: str
    server: ssl.SSLContext


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    ca_file, certificate, key_file = make_certificates(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key_file)
    server.load_verify_locations(ca_file)
    server.verify_mode = ssl.CERT_REQUIRED
    return Pki(ca_file, certificate, Path(key_file).read_text(encoding="ascii"), server)


def identity(pki: Pki, key: Kept | None, auth: AuthSettings | None = None) -> Identity:
    """Return an identity that shows the certificate."""
    tls = TlsSettings(ca_file=pki.ca_file, certificate=pki.certificate, key="env:KEY")
    return identity_of(
        SignIn(system="erp", account="us", auth=auth or AuthSettings(kind="none"), tls=tls, key=key, now=lambda: 0)
    )


def egress(service: Service, pki: Pki, signed_in: Identity | None) -> Egress:
    """Return the way out to the service."""
    origin = Origin.of(service.url)
    assert origin is not None
    trust = ssl.create_default_context(cafile=pki.ca_file)
    return Egress(system="erp", allowed=[origin], trust=trust, identity=signed_in)


def hello(asked: Asked) -> Said:
    return Said(content={"path": asked.path})


@guarantees("identity.as_told")
async def test_a_system_that_wants_our_certificate_gets_it(pki: Pki) -> None:
    """Without it no connection comes about; with it the same request is answered."""
    async with Service(hello, pki.server) as service:
        async with egress(service, pki, None) as stranger:
            with pytest.raises(SystemUnreachableError):
                await stranger.send("GET", f"{service.url}/x", headers={})
        async with egress(service, pki, identity(pki, Kept(pki.key))) as known:
            answer = await known.send("GET", f"{service.url}/x", headers={})

    assert answer.status == 200


@guarantees("identity.as_told")
async def test_a_token_endpoint_may_know_us_by_our_certificate(pki: Pki) -> None:
    """RFC 8705: the client id stands in the body, and the certificate vouches for it."""

    def token(asked: Asked) -> Said:
        return Said(content={"access_token": asked.form["client_id"], "token_type": "Bearer", "expires_in": 60})

    async with Service(token, pki.server) as service:
        auth = AuthSettings(
            kind="client_credentials", token_url=f"{service.url}/token", client_auth="none", ca_file=pki.ca_file
        )

        assert await identity(pki, Kept(pki.key), auth).headers() == {"Authorization": "Bearer us"}


@guarantees("P8.secrets_stay")
@pytest.mark.parametrize("key", ["canary", no_key()], ids=["a word", "a frame"])
async def test_a_key_that_does_not_belong_to_the_certificate_is_refused_and_leaves_nothing_behind(
    pki: Pki, key: str
) -> None:
    """The library wants a file: it is the owner's alone, and gone whatever happens."""
    before = set(Path(tempfile.gettempdir()).glob("erp-mcp-*"))
    one = identity(pki, Kept(key))
    await one.headers()

    with pytest.raises(ConfigurationError) as refused:
        one.certificate(ssl.create_default_context())

    assert "canary" not in str(refused.value)
    assert {path for path in Path(tempfile.gettempdir()).glob("erp-mcp-*") if path.is_file()} <= before


@guarantees("P10.rotation")
async def test_a_changed_key_is_worth_another_try(pki: Pki) -> None:
    """Certificate and key are replaced together while we run."""
    source = Kept(pki.key)
    one = identity(pki, source)
    await one.headers()

    assert not await one.after_refusal({})
    source.secret = "another"
    assert await one.after_refusal({})


@guarantees("identity.as_told")
async def test_a_certificate_is_not_loaded_before_its_key_was_fetched(pki: Pki) -> None:
    """Whoever connects asks for headers first; the other order would go out without a certificate."""
    with pytest.raises(SecretUnavailableError):
        identity(pki, Kept(pki.key)).certificate(ssl.create_default_context())


@guarantees("input.clear_errors")
async def test_authorities_that_can_t_be_read_are_named(pki: Pki, tmp_path: Path) -> None:
    """A wrong path must not mean that the machine's authorities are trusted instead."""
    missing = str(tmp_path / "nothing.pem")
    auth = AuthSettings(
        kind="client_credentials", token_url="https://127.0.0.1:9/t", client_auth="none", ca_file=missing
    )

    with pytest.raises(ConfigurationError) as refused:
        await identity(pki, Kept(pki.key), auth).headers()

    assert refused.value.facts["key"] == "ca_file"
