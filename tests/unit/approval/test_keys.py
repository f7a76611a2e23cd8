"""Sealed keys: nothing opens one but its passphrase, and a signature is of one key over one message."""

from __future__ import annotations

import json
import os

import pytest

from erp_mcp.approval import keys
from erp_mcp.errors import BadPassphraseError, WeakPassphraseError
from tests.guarantees import guarantees

PASSPHRASE = "four correct horses"


@pytest.fixture(scope="module")
def pair() -> keys.KeyPair:
    return keys.make(PASSPHRASE, random=os.urandom(keys.RANDOM_BYTES))


@guarantees("P3.signed")
def test_a_signature_of_the_sealed_key_verifies_and_of_no_other_message(pair: keys.KeyPair) -> None:
    """What was signed is what counts."""
    signature = keys.sign(pair, PASSPHRASE, b"message")

    assert keys.verifies(pair.public, b"message", signature)
    assert not keys.verifies(pair.public, b"Message", signature)


@guarantees("P3.signed")
def test_another_passphrase_opens_nothing(pair: keys.KeyPair) -> None:
    """The passphrase is nowhere, so only the person has it."""
    with pytest.raises(BadPassphraseError):
        keys.sign(pair, PASSPHRASE + " ", b"message")
    assert PASSPHRASE not in pair.sealed


@guarantees("P3.signed")
@pytest.mark.parametrize("field", ["salt", "nonce", "cipher"])
def test_a_sealed_key_that_was_changed_opens_no_more(pair: keys.KeyPair, field: str) -> None:
    """A row in a database is not to be trusted."""
    told = json.loads(pair.sealed)
    told[field] = ("0" if told[field][0] != "0" else "1") + told[field][1:]

    with pytest.raises(BadPassphraseError):
        keys.sign(keys.KeyPair(public=pair.public, sealed=json.dumps(told)), PASSPHRASE, b"message")


@guarantees("P3.signed")
@pytest.mark.parametrize("sealed", ["", "{}", "[]", "null", '{"salt": 1}', '{"salt": "zz", "cipher": "", "nonce": ""}'])
def test_a_sealed_key_that_is_none_is_refused_in_the_same_words(pair: keys.KeyPair, sealed: str) -> None:
    """Nothing falls over on a damaged row."""
    with pytest.raises(BadPassphraseError):
        keys.sign(keys.KeyPair(public=pair.public, sealed=sealed), PASSPHRASE, b"message")


@guarantees("P3.signed")
def test_a_sealed_key_under_another_public_key_opens_no_more(pair: keys.KeyPair) -> None:
    """Two rows swapped make nobody somebody else."""
    with pytest.raises(BadPassphraseError):
        keys.sign(keys.KeyPair(public="0" * 64, sealed=pair.sealed), PASSPHRASE, b"message")


@guarantees("P3.signed")
@pytest.mark.parametrize("passphrase", ["", "eleven char", "a" * 40, "           x           "])
def test_a_weak_passphrase_makes_no_key(passphrase: str) -> None:
    """Guessing must be dear."""
    with pytest.raises(WeakPassphraseError):
        keys.make(passphrase, random=os.urandom(keys.RANDOM_BYTES))


@guarantees("P3.signed")
def test_a_key_is_never_made_from_too_little_randomness() -> None:
    """A short seed would be a key that anybody can make."""
    with pytest.raises(ValueError, match="randomness"):
        keys.make(PASSPHRASE, random=b"\0" * 8)


@guarantees("P3.signed")
@pytest.mark.parametrize("change", [str.upper, lambda one: one + " ", lambda one: one[:-2], lambda one: "zz" + one[2:]])
def test_a_signature_has_one_spelling(pair: keys.KeyPair, change: object) -> None:
    """So that one decision is one row, byte for byte."""
    signature = keys.sign(pair, PASSPHRASE, b"message")
    changed = change(signature)  # type: ignore[operator]

    assert not keys.verifies(pair.public, b"message", changed)
    assert not keys.verifies(pair.public.upper(), b"message", signature)
