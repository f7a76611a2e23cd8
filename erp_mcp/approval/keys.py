"""Keys of approvers: Ed25519, the private half sealed by a passphrase that is never stored.

`cryptography` is imported where it is needed: a server that only reads never pays for it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.errors import BadPassphraseError, WeakPassphraseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MIN_PASSPHRASE: Final = 12
_MIN_DIFFERENT: Final = 5
# 64 MiB and a fraction of a second for each guess
_SCRYPT_N: Final = 2**16
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 1
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
RANDOM_BYTES: Final = _KEY_BYTES + _SALT_BYTES + _NONCE_BYTES
_PURPOSE: Final = b"erp-mcp/sealed-key/v1"
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A public key and the sealed private key, both as text that can be stored."""

    public: str  # 32 bytes, lower-case hexadecimal
    sealed: str  # canonical JSON: salt, nonce, costs and cipher text


def check(passphrase: str) -> None:
    """Refuse a passphrase that is too easy to guess.

    Raises:
        WeakPassphraseError: `approval.weak_passphrase`.
    """
    if len(passphrase.strip()) < MIN_PASSPHRASE or len(set(passphrase)) < _MIN_DIFFERENT:
        raise WeakPassphraseError(minimum=MIN_PASSPHRASE)


def make(passphrase: str, *, random: bytes) -> KeyPair:
    """Make a key pair.

    Args:
        passphrase: At least `MIN_PASSPHRASE` characters.
        random: `RANDOM_BYTES` random bytes: the key, the salt and the nonce.

    Raises:
        WeakPassphraseError: `approval.weak_passphrase`.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    check(passphrase)
    if len(random) != RANDOM_BYTES:
        raise ValueError("a key needs its full randomness")
    seed, salt, nonce = (
        random[:_KEY_BYTES],
        random[_KEY_BYTES : _KEY_BYTES + _SALT_BYTES],
        random[_KEY_BYTES + _SALT_BYTES : _KEY_BYTES + _SALT_BYTES + _NONCE_BYTES],
    )
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()
    cipher = ChaCha20Poly1305(_stretched(passphrase, salt)).encrypt(nonce, seed, _PURPOSE + public.encode())
    costs: dict[str, JsonValue] = {"n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P}
    sealed = canonical({"v": 1, "salt": salt.hex(), "nonce": nonce.hex(), "cipher": cipher.hex(), **costs})
    return KeyPair(public=public, sealed=sealed.decode("utf-8"))


class OpenKey:
    """An unsealed private key, in memory alone: it is never shown, compared or written anywhere."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey, public: str) -> None:
        """Hold the private half of `public`."""
        self._private = private
        self.public = public

    def __repr__(self) -> str:
        """Name the public half alone."""
        return f"OpenKey(public={self.public!r})"

    def sign(self, message: bytes) -> str:
        """Return the signature over a message, lower-case hexadecimal."""
        return self._private.sign(message).hex()


def open_key(pair: KeyPair, passphrase: str) -> OpenKey:
    """Return the key that a passphrase opens; a fraction of a second and 64 MiB for each try.

    Raises:
        BadPassphraseError: `approval.bad_passphrase`; or the sealed key does not belong to the public one.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    try:
        parts = json.loads(pair.sealed)
        key = _stretched(passphrase, bytes.fromhex(parts["salt"]))
        cipher, nonce = bytes.fromhex(parts["cipher"]), bytes.fromhex(parts["nonce"])
        seed = ChaCha20Poly1305(key).decrypt(nonce, cipher, _PURPOSE + pair.public.encode())
    except (InvalidTag, ValueError, TypeError, KeyError) as error:
        raise BadPassphraseError from error
    private = Ed25519PrivateKey.from_private_bytes(seed)
    if private.public_key().public_bytes_raw().hex() != pair.public:
        raise BadPassphraseError
    return OpenKey(private, pair.public)


def sign(pair: KeyPair, passphrase: str, message: bytes) -> str:
    """Return the signature over a message, lower-case hexadecimal; raises as `open_key`."""
    return open_key(pair, passphrase).sign(message)


def sign_first(random: bytes, message: bytes) -> str:
    """Return the signature of a key that was just made from these random bytes, before they are forgotten."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(random[:_KEY_BYTES]).sign(message).hex()


def verifies(public: str, message: bytes, signature: str) -> bool:
    """Return whether a signature over a message is of this public key; anything malformed is not."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not (_KEY.fullmatch(public) and _SIGNATURE.fullmatch(signature)):
        return False  # one key and one signature have one spelling
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _stretched(passphrase: str, salt: bytes) -> bytes:
    """The costs are ours, never those of the stored text: a forged row must not make guessing cheap or fill memory."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=_KEY_BYTES, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P).derive(
        passphrase.encode("utf-8")
    )
