"""Who we are towards a system: made of the settings, apart for reading and writing, and fetched by whom it is for."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import erp_mcp
from erp_mcp.adapters import Access
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.bootstrap.secrets_of import named_secrets, resolves
from erp_mcp.bootstrap.targets import target_of
from erp_mcp.errors import ConfigurationError
from tests.guarantees import guarantees

PACKAGE = Path(erp_mcp.__file__).parent
FILE = """\
version: 1
deployment: north
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
read_model: read_model.sqlite
policies: policies
systems:
  erp:
    profile: erpnext
    url: https://erp.example
    account: reader
    secret: env:ERP_MCP_TEST_READ
    auth: {kind: api_key, prefix: "token "}
    write: {account: writer, secret: "env:ERP_MCP_TEST_WRITE"}
"""


@contextmanager
def opened(folder: Path, text: str = FILE) -> Iterator[Deployment]:
    """Yield a deployment."""
    file = folder / "erp-mcp.yaml"
    file.write_text(text, encoding="utf-8")
    deployment = open_deployment(file)
    yield deployment
    deployment.close()


def borne(access: Access) -> dict[str, str]:
    """Return what a request would bear."""
    assert access.identity is not None
    return dict(asyncio.run(_headers(access)))


async def _headers(access: Access) -> dict[str, str]:
    assert access.identity is not None
    return dict(await access.identity.headers())


@guarantees("P1.write_identity")
def test_reading_and_writing_sign_in_with_accounts_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same system, same kind of sign-in, two secrets that never meet."""
    monkeypatch.setenv("ERP_MCP_TEST_READ", "for-reading")
    monkeypatch.setenv("ERP_MCP_TEST_WRITE", "for-writing")
    with opened(tmp_path) as deployment:
        erp = deployment.system("erp")

        assert borne(deployment.access.to_read(erp, "rest")) == {"Authorization": "token for-reading"}
        assert borne(deployment.access.to_write(erp, "rest")) == {"Authorization": "token for-writing"}


@guarantees("P1.write_identity")
def test_reading_works_where_the_secret_for_writing_can_t_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that may not read the writer's secret serves all the same, since it never looks."""
    monkeypatch.setenv("ERP_MCP_TEST_READ", "for-reading")
    monkeypatch.delenv("ERP_MCP_TEST_WRITE", raising=False)
    with opened(tmp_path) as deployment:
        asyncio.run(_opened_and_closed(deployment))
        with pytest.raises(ConfigurationError):
            borne(deployment.access.to_write(deployment.system("erp"), "rest"))


async def _opened_and_closed(deployment: Deployment) -> None:
    adapter = deployment.adapter(deployment.system("erp"))
    await adapter.close()


@guarantees("P1.write_identity")
def test_the_account_that_writes_is_made_where_a_system_is_opened_for_writing_and_nowhere_else() -> None:
    """By the code itself: one maker, one caller, and nothing that serves agents names either."""
    users: dict[str, set[str]] = {
        "to_write": set(),
        "_open_commands": set(),
        "signed_commands": set(),
        "committer": set(),
    }
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in users:
                users[node.attr].add(path.relative_to(PACKAGE).as_posix())

    assert users == {
        "to_write": {"bootstrap/deployment.py"},
        "_open_commands": {"bootstrap/deployment.py"},
        "signed_commands": {"bootstrap/deployment.py"},
        "committer": {"worker/loop.py"},
    }


@pytest.mark.parametrize(
    ("kind", "change", "key"),
    [
        ("jsonrpc", "", "systems.erp.auth"),
        ("sql", "", "systems.erp.auth"),
        ("sql", "tls: {certificate: a.pem, key: env:K}", "systems.erp.tls.certificate"),
    ],
)
@guarantees("input.clear_errors")
def test_a_kind_that_signs_in_by_itself_takes_no_identity(tmp_path: Path, kind: str, change: str, key: str) -> None:
    """What would be ignored is refused."""
    text = FILE.replace('auth: {kind: api_key, prefix: "token "}', change) if change else FILE
    with opened(tmp_path, text) as deployment, pytest.raises(ConfigurationError) as refused:
        deployment.access.to_read(deployment.system("erp"), kind)

    assert refused.value.facts["key"] == key


@guarantees("P8.secrets_stay")
def test_what_a_connection_is_given_shows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does anything that holds it."""
    monkeypatch.setenv("ERP_MCP_TEST_READ", "canary-1")
    with opened(tmp_path) as deployment:
        access = deployment.access.to_read(deployment.system("erp"), "rest")
        borne(access)

        assert "canary" not in f"{access!r}{access.identity!r}{access.credential!r}{deployment.settings!r}"


@guarantees("P1.write_identity")
def test_every_reference_is_named_with_its_key_and_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of accounts that write are marked as such."""
    monkeypatch.setenv("ERP_MCP_TEST_READ", "canary-1")
    monkeypatch.delenv("ERP_MCP_TEST_WRITE", raising=False)
    with opened(tmp_path) as deployment:
        found = list(named_secrets(deployment.settings))

        assert [(one.key, one.writes) for one in found] == [
            ("systems.erp.secret", False),
            ("systems.erp.write.secret", True),
        ]
        assert [resolves(deployment, one) for one in found] == [
            "",
            "environment variable ERP_MCP_TEST_WRITE is not set",
        ]


@guarantees("P2.no_writes")
@pytest.mark.parametrize(
    ("before", "after", "is_signed"),
    [
        ("url: https://erp.example", "url: https://other.example", True),
        ("kind: api_key", "kind: bearer", True),
        ('prefix: "token "', 'prefix: "Bearer "', True),
        ("account: writer", "account: admin", True),
        ("    write: {", "    networks: [10.0.0.0/8]\n    write: {", True),
        ("    write: {", "    tls: {ca_file: other.pem}\n    write: {", True),
        ("env:ERP_MCP_TEST_WRITE", "file:secrets/writer", True),  # nothing but the key says who writes
        ("env:ERP_MCP_TEST_READ", "keyring:reader", False),
        ("    write: {", "    limits: {burst: 2}\n    write: {", False),
        ("    write: {", "    timeout_s: 9\n    write: {", False),
        ('"env:ERP_MCP_TEST_WRITE"}', '"env:ERP_MCP_TEST_WRITE", auth: {kind: basic}}', True),
        ('"env:ERP_MCP_TEST_WRITE"}', '"env:ERP_MCP_TEST_WRITE", tls: {ca_file: o.pem}}', True),
        ('auth: {kind: api_key, prefix: "token "}', "auth: {kind: none}", True),
    ],
)
def test_an_approver_signs_where_and_as_whom_and_not_what_may_change_freely(
    tmp_path: Path, before: str, after: str, *, is_signed: bool
) -> None:
    """Whoever edits the file may rotate secrets and spare the system, and may not lead approved writes elsewhere."""
    assert before in FILE
    with opened(tmp_path) as deployment:
        erp = deployment.system("erp")
        first = target_of(deployment.settings, erp, deployment.profile(erp))
    with opened(tmp_path, FILE.replace(before, after, 1)) as deployment:
        erp = deployment.system("erp")
        second = target_of(deployment.settings, erp, deployment.profile(erp))

    assert (first != second) == is_signed


@guarantees("P2.no_writes", "P7.refresh")
def test_what_is_read_again_after_a_write_is_not_signed(tmp_path: Path) -> None:
    """It says neither where nor how anything is written, so saying more of it lets no approval go stale."""
    with opened(tmp_path) as deployment:
        erp = deployment.system("erp")
        profile = deployment.profile(erp)
        other = replace(profile, touches={"reservation.create": ("reservation", "stock")})
        assert profile.touches != other.touches
        assert target_of(deployment.settings, erp, profile) == target_of(deployment.settings, erp, other)


VAULT = "vault: {url: https://vault.example, auth: {kind: approle, role_id: r1, secret_id: env:S}}\n"


@guarantees("P2.no_writes")
@pytest.mark.parametrize(
    ("kind", "secret", "before", "after", "is_signed"),
    [
        ("basic", "vault:kv/erp#password", "kv/erp#", "kv/new#", False),
        ("basic", "vault:kv/erp#password", "vault.example", "other.example", False),
        ("bearer", "vault:kv/erp#token", "kv/erp#", "kv/new#", True),
        ("bearer", "vault:kv/erp#token", "vault.example", "other.example", True),
        ("bearer", "vault:kv/erp#token", "role_id: r1", "role_id: r2", True),
        ("bearer", "vault:kv/erp#token", "secret_id: env:S", "secret_id: env:T", False),
        ("basic", "vault-db:writer", "vault-db:writer", "vault-db:owner", True),
    ],
)
def test_where_a_secret_is_kept_is_signed_where_nothing_else_says_who_writes(
    tmp_path: Path, kind: str, secret: str, before: str, after: str, *, is_signed: bool
) -> None:
    """Another token would let the worker write as somebody else; another password of the same account can't."""
    text = VAULT + FILE.replace('kind: api_key, prefix: "token "', f"kind: {kind}")
    text = text.replace("env:ERP_MCP_TEST_WRITE", secret)
    assert before in text
    digests = set()
    for version in (text, text.replace(before, after)):
        with opened(tmp_path, version) as deployment:
            erp = deployment.system("erp")
            digests.add(target_of(deployment.settings, erp, deployment.profile(erp)))

    assert (len(digests) == 2) == is_signed


TOKENS = "kind: client_credentials, token_url: 'https://a.example/t', scopes: [x], audience: y"


@guarantees("P2.no_writes")
@pytest.mark.parametrize(
    ("before", "after"), [("https://a", "https://b"), ("[x]", "[z]"), ("audience: y", "audience: z")]
)
def test_where_tokens_come_from_and_for_what_is_signed_too(tmp_path: Path, before: str, after: str) -> None:
    """Another issuer, scope or audience is another identity."""
    text = FILE.replace('kind: api_key, prefix: "token "', TOKENS)
    digests = set()
    for version in (text, text.replace(before, after)):
        with opened(tmp_path, version) as deployment:
            erp = deployment.system("erp")
            digests.add(target_of(deployment.settings, erp, deployment.profile(erp)))

    assert len(digests) == 2
