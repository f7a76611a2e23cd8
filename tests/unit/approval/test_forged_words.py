"""Decisions that somebody makes up, bends or signs in another way: of whatever chance makes of them, none counts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erp_mcp.approval import envelope, signed
from erp_mcp.approval.check import refusal_of
from erp_mcp.approval.requesters import requesters
from erp_mcp.domain.proposal import SignedDecision
from tests.guarantees import guarantees
from tests.unit.approval.people import BOB, EVE, NOW, Person, decided, proposal, trusted, words

OF: Final = proposal()
RIGHT: Final = decided(OF, BOB)
TEXT, MESSAGE = envelope.message(words(OF, BOB))
# Every sort of words that is signed anywhere in the product, by the name that stands before it.
DOMAINS: Final = {
    name: tag for name, tag in vars(signed).items() if isinstance(tag, bytes) and name.isupper() and name != "DECISION"
}
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # of the curve of Ed25519


def refusal(decision: SignedDecision) -> str:
    """Return why it does not count, empty where it does."""
    return refusal_of(OF, [decision], trusted(BOB, EVE), requesters(OF.content, [], NOW), NOW)


@guarantees("P3.signed")
def test_the_decision_that_is_bent_below_counts() -> None:
    """The measure."""
    assert refusal(RIGHT) == ""
    assert RIGHT.signature == BOB.sign(MESSAGE)


@guarantees("P3.signed")
@pytest.mark.parametrize("name", list(DOMAINS))
def test_words_signed_as_something_else_are_no_decision(name: str) -> None:
    """Bob's own key, the very words of a decision, and the tag of another sort of statement."""
    tag = DOMAINS[name]
    for message in (tag + TEXT.encode(), tag + MESSAGE, TEXT.encode(), MESSAGE + b"\n", b""):
        assert message != MESSAGE
        assert refusal(replace(RIGHT, signature=BOB.sign(message))) == "signature"


def _other_algorithms() -> dict[str, str]:
    """Return signatures over the right bytes that are of another algorithm, each in hex."""
    digest = hashlib.sha256(MESSAGE).digest()
    public = bytes.fromhex(BOB.public)
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "ed448": ed448.Ed448PrivateKey.generate().sign(MESSAGE).hex(),
        "ecdsa": ec.generate_private_key(ec.SECP256R1()).sign(MESSAGE, ec.ECDSA(SHA256())).hex(),
        "rsa": rsa_key.sign(MESSAGE, PKCS1v15(), SHA256()).hex(),
        "hmac by the public key": hmac.new(public, MESSAGE, hashlib.sha512).hexdigest(),
        "hmac of nothing": hmac.new(b"", MESSAGE, hashlib.sha512).hexdigest(),
        "over the digest": BOB.key.sign(digest).hex(),
        "over the digest in hex": BOB.key.sign(digest.hex().encode()).hex(),
        "of a new key": ed25519.Ed25519PrivateKey.generate().sign(MESSAGE).hex(),
        "none": "",
        "the word none": "none",
        "zeros": "00" * 64,
        "the public key twice": BOB.public * 2,
        "of small order": "01" + "00" * 63,
    }


@guarantees("P3.signed")
@pytest.mark.parametrize("name", list(_other_algorithms()))
def test_a_signature_of_another_algorithm_or_key_is_none(name: str) -> None:
    """The words name no algorithm, so nobody can choose one."""
    assert refusal(replace(RIGHT, signature=_other_algorithms()[name])) == "signature"


def _respelt(signature: str) -> dict[str, str]:
    raw = bytes.fromhex(signature)
    higher = (int.from_bytes(raw[32:], "little") + _ORDER).to_bytes(32, "little")
    return {
        "capitals": signature.upper(),
        "spaces": " ".join(signature[n : n + 2] for n in range(0, len(signature), 2)),
        "prefix": f"0x{signature}",
        "line end": f"{signature}\n",
        "base64": base64.b64encode(raw).decode(),
        "s above the order": (raw[:32] + higher).hex(),
        "longer": f"{signature}00",
        "shorter": signature[:-2],
        "half a byte": signature[:-1],
        "full width": signature.translate({ord("0") + n: chr(0xFF10 + n) for n in range(10)}),
    }


@guarantees("P3.signed")
@pytest.mark.parametrize("name", list(_respelt(RIGHT.signature)))
def test_a_right_signature_has_one_spelling(name: str) -> None:
    """What can be written in two ways is used twice."""
    assert refusal(replace(RIGHT, signature=_respelt(RIGHT.signature)[name])) == "signature"


def _rewritten() -> dict[str, str]:
    told = json.loads(TEXT)
    reordered = json.dumps(dict(reversed(told.items())), separators=(",", ":"))
    escaped = TEXT.replace("a", "\\u0061", 1)
    return {
        "other order": reordered,
        "spaces": json.dumps(told, sort_keys=True),
        "escapes": escaped,
        "key twice, first right": TEXT[:-1] + ',"decision":"approve"}',
        "key twice, last right": '{"decision":"reject",' + TEXT[1:],
        "in a list": f"[{TEXT}]",
        "in a text": json.dumps(TEXT),
        "two of them": TEXT * 2,
        "byte order mark": f"\ufeff{TEXT}",
        "zero byte": f"{TEXT}\x00",
        "comment": f"{TEXT}//",
        "one key more": TEXT[:-1] + ',"zz":""}',
        "one key less": json.dumps({k: v for k, v in told.items() if k != "comment"}, sort_keys=True),
        "number for text": json.dumps({**told, "comment": 0}, sort_keys=True, separators=(",", ":")),
        "truth for text": json.dumps({**told, "comment": True}, sort_keys=True, separators=(",", ":")),
        "nothing for text": json.dumps({**told, "comment": None}, sort_keys=True, separators=(",", ":")),
    }


@guarantees("P3.signed")
@pytest.mark.parametrize("name", list(_rewritten()))
@pytest.mark.parametrize("resigned", [False, True], ids=["signature of then", "signed anew by the same key"])
def test_words_in_another_form_are_no_decision(name: str, resigned: bool) -> None:
    """Whoever reads them otherwise would have read another decision; signing them anew makes them no better."""
    text = _rewritten()[name]
    tag = MESSAGE[: -len(TEXT.encode())]
    signature = BOB.sign(tag + text.encode()) if resigned else RIGHT.signature
    assert text != TEXT
    assert refusal(replace(RIGHT, envelope=text, signature=signature)) == "envelope"


@guarantees("P3.signed")
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_chance_does_to_a_decision_it_counts_only_as_it_was(data: st.DataObject) -> None:
    """Bytes turned, taken out, put in, cut and swapped, in the words, the signature and the columns beside them."""
    field = data.draw(st.sampled_from(["envelope", "signature", "nonce", "decided_at", "approver_id", "proposal_id"]))
    value: str = getattr(RIGHT, field)
    at = data.draw(st.integers(0, len(value) - 1))
    until = data.draw(st.integers(at, min(len(value), at + 8)))
    put = data.draw(st.text(max_size=8))
    bent = value[:at] + put + value[until:]
    changed: dict[str, Any] = {field: bent}
    assert refusal(replace(RIGHT, **changed)) != "" or bent == value


@guarantees("P3.signed")
@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_under_a_right_signature_of_an_enrolled_person_is_no_decision(told: Any) -> None:
    """Whoever holds an enrolled key can sign anything; it is a decision only in the words of one."""
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    tag = MESSAGE[: -len(TEXT.encode())]
    signature = BOB.sign(tag + text.encode("utf-8", "surrogatepass"))
    assert refusal(replace(RIGHT, envelope=text, signature=signature)) == "envelope"


@guarantees("P3.signed", "P3.binding")
@pytest.mark.parametrize("person", [EVE, Person(id="bob", name="Bob Buyer, Again")], ids=["another", "of his name"])
def test_a_key_that_is_not_the_enrolled_one_signs_nothing(person: Person) -> None:
    """Right words by the wrong key, and words that name the wrong key."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"key of {person.name}".encode()).digest())
    public = key.public_key().public_bytes_raw().hex()
    text, message = envelope.message(replace(words(OF, BOB), public_key=public))

    assert refusal(replace(RIGHT, signature=key.sign(MESSAGE).hex())) == "signature"
    assert refusal(replace(RIGHT, envelope=text, signature=key.sign(message).hex())) == "not_enrolled"
