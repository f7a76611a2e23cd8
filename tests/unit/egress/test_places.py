"""What a system points to, as its traffic is counted by it."""

from __future__ import annotations

import pytest

from erp_mcp.egress.places import where_to
from tests.guarantees import guarantees


@guarantees("P9.limits")
@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://ERP.example/api/", "https://erp.example:443/api"),
        ("https://erp.example:443/api", "https://erp.example:443/api"),
        ("http://erp.example", "http://erp.example:80"),
        ("https://erp.example/api?token=secret#part", "https://erp.example:443/api"),
        ("postgresql+psycopg://user:secret@db.example:5432/erp", "postgresql+psycopg://db.example:5432/erp"),
        ("http://[::1]:8000/db", "http://::1:8000/db"),
        ("https://erp.example:no/api", ""),
        ("https://[erp/api", ""),
        ("", "://"),
    ],
)
def test_an_address_in_two_spellings_is_one_and_no_secret_is_kept(url: str, where: str) -> None:
    """A file of counters is no place for passwords and tokens."""
    assert where_to(url) == where
