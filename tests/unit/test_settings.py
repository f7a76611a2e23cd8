"""The configuration file: strict, with file, line and key of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_mcp import settings
from erp_mcp.credentials.settings import TlsSettings, VaultAuth
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import ConfigurationError
from tests.guarantees import guarantees

GOOD = """\
version: 1
deployment: north
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
systems:
  erp: {profile: tryton, url: "http://127.0.0.1:8000", account: reader, secret: "file:secrets/erp"}
"""
TOKENS = "kind: client_credentials"
AT = "kind: client_credentials, token_url: 'https://i.example/t'"
OIDC = "issuer: 'https://l.example', client_id: page"
VAULT = "url: 'https://v.example:8200'"
STATE = "url: 'postgresql://h/d', account: a"
ROLE = "kind: approle, role_id: r, secret_id: 'env:S'"


def write(folder: Path, text: str) -> Path:
    """Write a configuration and return its path."""
    file = folder / "erp-mcp.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@guarantees("docs.agree")
def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A deployment is a folder that can be moved."""
    found = settings.load(write(tmp_path, GOOD))

    assert found.state_dir == tmp_path / "state"
    assert found.read_model == tmp_path / "state" / "read_model.sqlite"
    assert found.systems[0].account == "reader"


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("before", "after", "key", "line"),
    [
        ("version: 1", "version: 2", "version", 1),
        ("environment: development", "environment: testing", "environment", 3),
        ("zone: Europe/Berlin", "zone: Europe/Atlantis", "plant.zone", 4),
        ("state_dir: state", "statedir: state", "statedir", 5),
        ("profile: tryton, ", "", "systems.erp.profile", 7),
        ('secret: "file:secrets/erp"', "secret: hunter2", "systems.erp.secret", 7),
        ("account: reader", "account: reader, timeout_s: 0", "systems.erp.timeout_s", 7),
        ("account: reader", "account: reader, write: true", "systems.erp.write", 7),
        ("account: reader", "account: reader, write: {user: writer}", "systems.erp.write.user", 7),
        ("account: reader", "account: reader, write: {secret: hunter2}", "systems.erp.write.secret", 7),
        ("account: reader", "account: reader, auth: {kind: kerberos}", "systems.erp.auth.kind", 7),
        ("account: reader", "account: reader, auth: {kind: basic, user: x}", "systems.erp.auth.user", 7),
        ("account: reader", "account: reader, auth: {kind: basic, header: X-Key}", "systems.erp.auth.header", 7),
        ("account: reader", "account: reader, auth: {kind: api_key, header: 'a b'}", "systems.erp.auth.header", 7),
        ("account: reader", 'account: reader, auth: {kind: api_key, prefix: "t\\n"}', "systems.erp.auth.prefix", 7),
        ("account: reader", "account: 'a:b', auth: {kind: basic}", "systems.erp.account", 7),
        ("account: reader", "auth: {kind: basic}", "systems.erp.account", 7),
        (
            "account: reader",
            "auth: {kind: client_credentials, token_url: 'https://i.example/t'}",
            "systems.erp.account",
            7,
        ),
        ("account: reader", "account: c, auth: {kind: client_credentials}", "systems.erp.auth.token_url", 7),
        (
            "account: reader",
            f"account: c, auth: {{{TOKENS}, token_url: 'http://i.example/t'}}",
            "systems.erp.auth.token_url",
            7,
        ),
        (
            "account: reader",
            f"account: c, auth: {{{TOKENS}, token_url: 'https://u:p@i.example/t'}}",
            "systems.erp.auth.token_url",
            7,
        ),
        ("account: reader", f"account: c, auth: {{{AT}, scopes: ['a b']}}", "systems.erp.auth.scopes.0", 7),
        (
            "account: reader",
            f"account: c, auth: {{{AT}, subject_token: 'file:x'}}",
            "systems.erp.auth.subject_token",
            7,
        ),
        ("account: reader", f"account: c, auth: {{{AT}, key_id: k}}", "systems.erp.auth.key_id", 7),
        ("account: reader", f"account: c, auth: {{{AT}, algorithm: HS256}}", "systems.erp.auth.algorithm", 7),
        ("account: reader", f"account: c, auth: {{{AT}, networks: [10.0.0.1/8]}}", "systems.erp.auth.networks.0", 7),
        ("account: reader", "account: reader, networks: [plant]", "systems.erp.networks.0", 7),
        ("account: reader", "account: reader, limits: {requests_per_s: 0}", "systems.erp.limits.requests_per_s", 7),
        ("account: reader", "account: reader, limits: {burst: 1.5}", "systems.erp.limits.burst", 7),
        ("account: reader", "account: reader, limits: {failures: 11}", "systems.erp.limits.failures", 7),
        ("account: reader", "account: reader, limits: {rest_s: 500}", "systems.erp.limits.longest_rest_s", 7),
        ("account: reader", "account: reader, limits: {rate: 5}", "systems.erp.limits.rate", 7),
        ("account: reader", "account: reader, tls: {certificate: c.pem}", "systems.erp.tls.key", 7),
        ("account: reader", "account: reader, tls: {key: 'file:k'}", "systems.erp.tls.certificate", 7),
        ("account: reader", "account: reader, tls: {certificate: c, key: hunter2}", "systems.erp.tls.key", 7),
        ('secret: "file:secrets/erp"', 'secret: "vault:kv/erp#password"', "systems.erp.secret", 7),
        ('secret: "file:secrets/erp"', 'secret: "vault:kv/erp"', "systems.erp.secret", 7),
        ('secret: "file:secrets/erp"', 'secret: "keyring:"', "systems.erp.secret", 7),
        ("account: reader", "account: r, write: {auth: {kind: bearer}}", "systems.erp.write.secret", 7),
        ("account: reader", "account: r, write: {account: w, secret: 'vault-db:w'}", "systems.erp.write.secret", 7),
        ("systems:", "state: {}\nsystems:", "state.postgresql", 6),
        ("systems:", "state: {postgresql: {url: 'postgresql://h/d'}}\nsystems:", "state.postgresql.account", 6),
        *(
            ("systems:", f"state: {{postgresql: {{url: '{url}', account: a}}}}\nsystems:", "state.postgresql.url", 6)
            for url in (
                *("mysql://h/d", "postgresql://u:hunter2@h/d", "postgresql://u@h/d", "postgresql://h"),
                *(
                    "postgresql://h/d?sslmode=disable",
                    "postgresql:///d",
                    "postgresql://h/d#x",
                    "host=h password=hunter2",
                ),
            )
        ),
        *(
            ("systems:", f"state: {{postgresql: {{{STATE}, {word}}}}}\nsystems:", key, 6)
            for word, key in (
                ("secret: hunter2", "state.postgresql.secret"),
                ("secret: 'vault:kv/erp#p'", "state.postgresql.secret"),
                ("owner_secret: 'vault-db:o'", "state.postgresql.owner_secret"),
                ("schema: 'Erp; DROP'", "state.postgresql.schema"),
                ("password: x", "state.postgresql.password"),
            )
        ),
        ("systems:", "vault: {url: 'https://v.example'}\nsystems:", "vault.auth", 6),
        ("systems:", f"vault: {{{VAULT}, auth: {{kind: token}}}}\nsystems:", "vault.auth.token", 6),
        ("systems:", f"vault: {{{VAULT}, auth: {{kind: token, token: hunter2}}}}\nsystems:", "vault.auth.token", 6),
        (
            "systems:",
            f"vault: {{{VAULT}, auth: {{kind: token, token: 'vault:a/b#c'}}}}\nsystems:",
            "vault.auth.token",
            6,
        ),
        ("systems:", f"vault: {{{VAULT}, auth: {{kind: approle, role_id: r}}}}\nsystems:", "vault.auth.secret_id", 6),
        ("systems:", f"vault: {{{VAULT}, auth: {{{ROLE}, token: 'env:T'}}}}\nsystems:", "vault.auth.token", 6),
        ("systems:", f"vault: {{url: 'http://v.example', auth: {{{ROLE}}}}}\nsystems:", "vault.url", 6),
        ("systems:", f"vault: {{{VAULT}, namespace: '/a b', auth: {{{ROLE}}}}}\nsystems:", "vault.namespace", 6),
        ("systems:", f"vault: {{{VAULT}, stale_s: -1, auth: {{{ROLE}}}}}\nsystems:", "vault.stale_s", 6),
        ("systems:", "web: {}\nsystems:", "web.oidc", 6),
        ("systems:", "web: {oidc: {issuer: 'https://l.example'}}\nsystems:", "web.oidc.client_id", 6),
        *(
            ("systems:", f"web: {{oidc: {{{OIDC}, {word}}}}}\nsystems:", f"web.oidc.{key}", 6)
            for word, key in (
                ("client_secret: hunter2", "client_secret"),
                ("client_secret: 'vault-db:r'", "client_secret"),
                ("client_secret: 'vault:kv/page#s'", "client_secret"),
                ("client_auth: post", "client_secret"),
                ("client_secret: 'env:S', client_auth: none", "client_auth"),
                ("client_auth: none, algorithms: [HS256]", "algorithms.0"),
                ("client_auth: none, algorithms: [none]", "algorithms.0"),
                ("client_auth: none, algorithms: []", "algorithms"),
                ("client_auth: none, scopes: [profile]", "scopes"),
                ("client_auth: none, groups: {any_of: []}", "groups.any_of"),
                ("client_auth: none, redirect_uri: 'https://p.example/elsewhere'", "redirect_uri"),
                ("client_auth: none, redirect_uri: 'http://p.example/oidc/callback'", "redirect_uri"),
                ("client_auth: none, origins: ['https://t.example/path']", "origins.0"),
                ("client_auth: none, networks: [plant]", "networks.0"),
                ("client_auth: none, subject: x", "subject"),
            )
        ),
        ("systems:", "web: {oidc: {issuer: 'http://l.example', client_id: p}}\nsystems:", "web.oidc.issuer", 6),
    ],
)
def test_a_mistake_is_named_with_key_and_line(tmp_path: Path, before: str, after: str, key: str, line: int) -> None:
    """The person who edits the file finds the place at once."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(write(tmp_path, GOOD.replace(before, after)))

    assert (refused.value.facts["key"], refused.value.facts["line"]) == (key, line)
    assert "hunter2" not in str(refused.value)


@guarantees("docs.agree")
def test_where_people_sign_in_is_read_whole(tmp_path: Path) -> None:
    """Every key of the provider, with its defaults."""
    told = "client_auth: none, groups: {any_of: [erp]}, ca_file: ca.pem, networks: [10.0.0.0/8]"
    found = settings.load(
        write(tmp_path, GOOD.replace("systems:", f"web: {{oidc: {{{OIDC}, {told}}}}}\nsystems:"))
    ).oidc

    assert found is not None
    assert (found.groups_claim, found.groups, found.algorithms, found.scopes) == (
        "groups", ("erp",), ("RS256",), ("openid",),
    )  # fmt: skip
    assert (found.ca_file, found.networks, found.redirect_uri) == (str(tmp_path / "ca.pem"), ("10.0.0.0/8",), "")
    assert settings.load(write(tmp_path, GOOD)).oidc is None


@guarantees("P2.no_writes")
def test_nothing_is_written_to_a_system_unless_it_says_so(tmp_path: Path) -> None:
    """The account that reads never writes: writing needs its own, or for a demo at least the word."""
    told = "account: reader, write: {account: writer, secret: 'env:WRITER'}"

    assert settings.load(write(tmp_path, GOOD)).systems[0].write is None
    assert settings.load(write(tmp_path, GOOD.replace("account: reader", told))).systems[0].write == (
        settings.WriteSettings(account="writer", secret="env:WRITER")
    )
    with_nothing = GOOD.replace("account: reader", "account: reader, write: {}")
    assert settings.load(write(tmp_path, with_nothing)).systems[0].write == settings.WriteSettings()


@guarantees("input.clear_errors")
def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The first thing a newcomer meets must lead on."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(tmp_path / "erp-mcp.yaml")

    assert "erp-mcp init" in str(refused.value)
    assert "--demo-dir" in str(refused.value)


@guarantees("input.clear_errors")
@pytest.mark.parametrize("key", ["tools", "profiles"])
def test_a_folder_that_is_not_there_is_a_mistake_with_its_line(tmp_path: Path, key: str) -> None:
    """A folder misspelt would otherwise just bring nothing, and nobody would learn why."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(write(tmp_path, f"{GOOD}{key}: [no-such-folder]\n"))

    assert refused.value.facts["key"] == f"{key}.0"
    assert refused.value.facts["line"] == len(GOOD.splitlines()) + 1


@guarantees("docs.agree")
def test_a_flag_goes_before_the_environment_and_that_before_the_default(tmp_path: Path) -> None:
    """Nearer wins."""
    named = {"ERP_MCP_CONFIG": str(tmp_path / "b.yaml")}

    assert settings.find_file(config=str(tmp_path / "a.yaml"), environ=named).name == "a.yaml"
    assert settings.find_file(demo_dir=str(tmp_path), environ=named) == tmp_path / "erp-mcp.yaml"
    assert settings.find_file(environ=named).name == "b.yaml"
    assert settings.find_file(environ={}).name == "erp-mcp.yaml"


@guarantees("docs.agree")
def test_the_working_directory_counts_where_nothing_is_named_and_only_for_who_asks(tmp_path: Path) -> None:
    """A person works beside the file; what a client starts must not pick up a stranger's."""
    here = write(tmp_path, GOOD)
    named = {"ERP_MCP_CONFIG": str(tmp_path / "b.yaml")}

    assert settings.find_file(environ={}, working=tmp_path) == here
    assert settings.find_file(environ=named, working=tmp_path).name == "b.yaml"
    assert settings.find_file(environ={}) != here


WHOLE = """\
version: 1
deployment: north
environment: production
plant: {zone: Europe/Berlin}
vault:
  url: https://vault.example:8200/
  namespace: plants/north/
  ca_file: pki/ca.pem
  networks: [10.9.0.0/24]
  auth: {kind: approle, role_id: r-1, secret_id: "file:secrets/vault"}
systems:
  erp:
    profile: s4hana
    url: https://erp.example
    account: reader
    secret: vault:kv/erp/reader#password
    networks: [10.1.0.0/16, "fd00:20::/48"]
    limits: {requests_per_s: 2, burst: 4, concurrent: 2, waiting: 8, failures: 3, rest_s: 10, longest_rest_s: 60}
    tls: {ca_file: pki/ca.pem, certificate: pki/us.pem, key: "keyring:north/key"}
    auth:
      kind: token_exchange
      token_url: https://login.example/token
      client_auth: private_key_jwt
      key_id: k1
      algorithm: ES256
      scopes: [erp.read]
      audience: erp
      resource: https://erp.example/api
      subject_token: file:secrets/subject
      networks: [10.2.0.0/16]
    write:
      account: writer
      secret: file:secrets/writer
      auth: {kind: api_key, header: X-API-Key}
"""


@guarantees("docs.agree")
def test_what_stands_in_the_file_is_what_is_used(tmp_path: Path) -> None:
    """Every key of sign-in, vault, limits and certificates, with paths relative to the file."""
    found = settings.load(write(tmp_path, WHOLE))
    erp = found.systems[0]

    assert found.vault is not None
    assert (found.vault.url, found.vault.namespace) == ("https://vault.example:8200", "plants/north")
    assert (found.vault.ca_file, found.vault.networks) == (str(tmp_path / "pki/ca.pem"), ("10.9.0.0/24",))
    assert found.vault.auth == VaultAuth(kind="approle", role_id="r-1", secret_id="file:secrets/vault")
    assert erp.networks == ("10.1.0.0/16", "fd00:20::/48")
    assert (erp.limits.requests_per_s, erp.limits.longest_rest_s, erp.limits.attempts) == (2, 60, 3)
    assert erp.tls.certificate == str(tmp_path / "pki/us.pem")
    assert erp.auth is not None
    assert (erp.auth.kind, erp.auth.algorithm, erp.auth.scopes) == ("token_exchange", "ES256", ("erp.read",))
    assert erp.write is not None
    assert erp.write.auth is not None
    assert (erp.write.auth.kind, erp.write.auth.header) == ("api_key", "X-API-Key")


@guarantees("docs.agree")
def test_what_is_not_named_is_left_to_the_kind_of_adapter(tmp_path: Path) -> None:
    """A file of before still means what it meant."""
    erp = settings.load(write(tmp_path, GOOD)).systems[0]

    assert (erp.auth, erp.networks, erp.limits, erp.tls) == (None, (), TrafficLimits(), TlsSettings())


@guarantees("P4.two_stores")
def test_the_state_is_a_file_unless_a_schema_is_named(tmp_path: Path) -> None:
    """Nobody needs a database to begin with; who names one gets the usual schema and certificates beside the file."""
    assert settings.load(write(tmp_path, GOOD)).state is None
    found = settings.load(write(tmp_path, f"{GOOD}state: {{postgresql: {{{STATE}, ca_file: db.pem}}}}\n")).state
    assert found == settings.PostgresqlSettings(
        url="postgresql://h/d",
        schema="erp_mcp",
        account="a",
        secret="",
        owner_account="",
        owner_secret="",
        ca_file=str(tmp_path / "db.pem"),
    )


MAIL = "host: m.example, sender: g@p.example, operators: [o@p.example]"


@guarantees("docs.agree")
def test_notices_are_read_with_their_references_as_references(tmp_path: Path) -> None:
    """The address of a webhook is a secret, so it stands in no file that people share."""
    text = (
        f"notices: {{page: 'https://a.example/', mail: {{{MAIL}}}, webhooks: {{t: {{url: 'env:T', shape: teams}}}}}}\n"
    )
    found = settings.load(write(tmp_path, GOOD + text)).notices

    assert found is not None
    assert found.page == "https://a.example"
    assert found.mail is not None
    assert (found.mail.port, found.mail.encryption, found.mail.operators) == (587, "starttls", ("o@p.example",))
    assert [(one.name, one.url, one.shape) for one in found.webhooks] == [("t", "env:T", "teams")]


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{}", "notices.mail"),
        ("{mail: {host: m.example, sender: g@p.example}}", "notices.mail"),
        (f"{{mail: {{{MAIL}, encryption: none}}}}", "notices.mail.encryption"),
        (f"{{mail: {{{MAIL.replace('m.example', 'localhost')}, encryption: none, account: a, secret: 'env:S'}}}}",
         "notices.mail.encryption"),
        (f"{{mail: {{{MAIL}, account: a}}}}", "notices.mail.account"),
        (f"{{mail: {{{MAIL}, secret: plain}}}}", "notices.mail.secret"),
        ("{mail: {host: m.example, sender: nobody, operators: [o@p.example]}}", "notices.mail.sender"),
        ("{webhooks: {t: {url: 'https://hooks.example/x', shape: teams}}}", "notices.webhooks.t.url"),
        ("{webhooks: {t: {url: 'env:T', shape: pigeon}}}", "notices.webhooks.t.shape"),
        ("{webhooks: {mail: {url: 'env:T', shape: teams}}}", "notices.webhooks.mail"),
        ("{page: 'javascript:x', webhooks: {t: {url: 'env:T', shape: teams}}}", "notices.page"),
    ],
)  # fmt: skip
def test_notices_that_can_not_be_are_refused_with_their_key(tmp_path: Path, text: str, key: str) -> None:
    """A mistake is found at the start, not when the first approval waits."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(write(tmp_path, f"{GOOD}notices: {text}\n"))
    assert refused.value.facts["key"] == key
    assert "hooks.example" not in str(refused.value)
