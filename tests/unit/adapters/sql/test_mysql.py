"""What is particular to MariaDB and MySQL, as far as it takes no server to see."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from erp_mcp.adapters.sql import statements
from erp_mcp.adapters.sql.failures import meaning, works_again
from erp_mcp.adapters.sql.mysql_sessions import connect_arguments, session_statements, thread_of
from erp_mcp.adapters.sql.statements import Place
from tests.guarantees import guarantees


@guarantees("P9.spared_database", "P2.no_writes")
@pytest.mark.parametrize(
    ("version", "timeout_s", "expected"),
    [
        ("10.11.18-MariaDB-0+deb12u1", 20.0, ("lock_wait_timeout = 5", "SESSION max_statement_time = 20.000")),
        ("11.4.2-MariaDB", 0.25, ("lock_wait_timeout = 1", "SESSION max_statement_time = 0.250")),
        ("8.4.2", 3.0, ("lock_wait_timeout = 3", "SESSION max_execution_time = 3000")),
    ],
)
def test_a_session_is_read_only_and_bounded_in_the_words_of_its_server(
    version: str, timeout_s: float, expected: tuple[str, ...]
) -> None:
    """Both have the same time-outs by other names, and a wrong name would be an error."""
    mode, settings = session_statements(version, timeout_s)
    assert mode == "SET SESSION TRANSACTION READ ONLY"
    assert all(words in settings for words in expected)
    assert settings.count("SET") == 1


@guarantees("P9.spared_database")
def test_the_driver_waits_a_little_longer_than_the_server() -> None:
    """Its own message is the better one; and files of this machine are never sent."""
    plain = connect_arguments(0.2, "")
    assert (plain["connect_timeout"], plain["read_timeout"], plain["local_infile"]) == (2, 7, False)
    assert not [name for name in plain if name.startswith("ssl")]


@guarantees("P8.database_tls")
def test_an_authority_means_tls_with_a_certificate_for_that_host() -> None:
    """Nothing less: a connection that could be without it would be without it."""
    checked = connect_arguments(5, "pki/ca.pem")
    assert (checked["ssl_ca"], checked["ssl_verify_cert"], checked["ssl_verify_identity"]) == ("pki/ca.pem", True, True)


def _raised(number: object) -> DBAPIError:
    failure = type("OperationalError", (Exception,), {"__module__": "pymysql.err"})
    return DBAPIError("SELECT 1", None, failure(number, "its own words"))


@guarantees("input.clear_errors", "P8.no_leaks")
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (1969, "adapter.timeout"),
        (3024, "adapter.timeout"),
        (1205, "adapter.timeout"),
        (1317, "adapter.timeout"),
        (1213, "adapter.timeout"),
        (1045, "adapter.refused"),
        (1142, "adapter.refused"),
        (1698, "adapter.refused"),
        (1040, "adapter.busy"),
        (1226, "adapter.busy"),
        (2003, "adapter.unreachable"),
        (2013, "adapter.unreachable"),
        (1927, "adapter.unreachable"),
        ("socket", "adapter.unreachable"),
        (1054, "adapter.bad_answer"),
        (1146, "adapter.bad_answer"),
    ],
)
def test_a_number_of_the_server_is_told_as_what_it_means(number: object, code: str) -> None:
    """The driver's classes lump them together; its text goes nowhere."""
    told = meaning(_raised(number), "erp")
    assert told.code == code
    assert "its own words" not in str(told)
    assert works_again(_raised(number)) == (number == 1213)


@guarantees("P7.sync_exact")
def test_keys_are_compared_as_they_are_written_and_by_an_index_first() -> None:
    """The collation's own comparison finds the rows, the exact one leaves out those that are others."""
    wanted = statements.by_keys("SELECT 1", ("a", "7"), dialect="mysql")
    assert wanted.text.count("IN (:key_0, :key_1)") == 2
    assert "AS BINARY) IN" in wanted.text
    page = statements.page_after("SELECT 1", Place(changed_at="t1", key=7), limit=5, dialect="mysql")
    assert page.parameters["page_key"] == "7"
    assert page.text.count("AS BINARY)") == 2
    assert "BINARY" not in statements.by_keys("SELECT 1", ("a",), dialect="postgresql").text


@guarantees("P9.spared_database")
def test_a_connection_without_a_number_is_left_to_its_time_out() -> None:
    """Not every driver can be asked to stop."""

    class Numbered:
        def thread_id(self) -> int:
            return 7

    assert (thread_of(Numbered()), thread_of(object()), thread_of(None)) == (7, None, None)
