"""References: where a secret is kept, never the secret itself."""

from __future__ import annotations

import pytest

from erp_mcp.credentials import UserSecret, account_of
from erp_mcp.credentials.references import parsed
from tests.guarantees import guarantees


@pytest.mark.parametrize(
    ("text", "scheme", "place"),
    [
        ("file:secrets/erp", "file", "secrets/erp"),
        ("file:C:/secrets/erp", "file", "C:/secrets/erp"),
        ("env:ERP_SECRET", "env", "ERP_SECRET"),
        ("keyring:north/erp", "keyring", "north/erp"),
        ("vault:kv/plant/erp#password", "vault", "kv/plant/erp#password"),
        ("vault-db:reader", "vault-db", "reader"),
        ("vault-db:plant/database/reader", "vault-db", "plant/database/reader"),
    ],
)
@guarantees("docs.agree")
def test_a_reference_is_taken_apart_and_put_together_again(text: str, scheme: str, place: str) -> None:
    """What the documentation shows is what is understood."""
    assert parsed(text) == (scheme, place)
    assert str(parsed(text)) == text


@guarantees("P8.secrets_stay", "input.clear_errors")
@pytest.mark.parametrize(
    "text",
    [
        "canary-hunter2",
        "canary:hunter2",
        "FILE:canary",
        "env:canary hunter2",
        "env:",
        "keyring:../canary",
        "vault:kv/canary",
        "vault:canary#password",
        "vault:kv/../sys/canary#password",
        "vault:kv/canary?x=1#password",
        "vault-db:../canary",
        "file:",
    ],
)
def test_what_is_no_reference_is_refused_and_not_repeated(text: str) -> None:
    """Somebody may have written the secret itself there: the message must not carry it on."""
    with pytest.raises(ValueError, match="must") as refused:
        parsed(text)

    assert "canary" not in str(refused.value)


@guarantees("P8.secrets_stay")
def test_a_user_with_a_password_says_who_it_is_and_shows_neither() -> None:
    """It is the password wherever text is wanted, and brings its user where an account is."""
    both = UserSecret("v-reader-1", "canary-1")

    assert both == "canary-1"
    assert account_of("fixed", both) == "v-reader-1"
    assert account_of("fixed", "plain") == "fixed"
    assert "canary-1" not in repr([both])
    assert "v-reader-1" not in repr([both])
