"""Client assertions: a short-lived JWT, signed with a private key, in place of a client secret (RFC 7523)."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Final

from erp_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_GOOD_S: Final = 120
_BEHIND_S: Final = 30  # a clock that runs ahead of the server's must not make assertions of the future


def assertion(*, key: str, key_id: str, algorithm: str, client: str, audience: str, now: int) -> str:
    """Return an assertion that `client` asks at `audience`, good for two minutes from `now` (seconds since 1970, UTC).

    Args:
        key: PEM of an unsealed RSA (RS256, PS256; at least 2048 bits) or P-256 (ES256) private key.
        key_id: Under which id the server knows the key; empty leaves it out.
        algorithm: RS256, PS256 or ES256.
        client: Client id.
        audience: Address of the token endpoint.
        now: The time of day.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when the key is none of that kind.
    """
    header = {"alg": algorithm, "typ": "JWT", **({"kid": key_id} if key_id else {})}
    claims = {
        "iss": client,
        "sub": client,
        "aud": audience,
        "iat": now - _BEHIND_S,
        "exp": now + _GOOD_S,
        "jti": secrets.token_urlsafe(16),
    }
    signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"
    return f"{signed}.{_part(_signature(_loaded(key), algorithm, signed.encode()))}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _loaded(key: str) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong("it is no unsealed private key in PEM form") from None


def _signature(key: PrivateKeyTypes, algorithm: str, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        both = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256())))
        return b"".join(number.to_bytes(32, "big") for number in both)
    if algorithm != "ES256" and isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        salted = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)
        return key.sign(data, salted if algorithm == "PS256" else padding.PKCS1v15(), SHA256())
    raise _wrong(f"it is no key for {algorithm} (RSA of at least 2048 bits, or P-256)")


def _wrong(reason: str) -> ConfigurationError:
    return ConfigurationError(key="secret", reason=reason)
