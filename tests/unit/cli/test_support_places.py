"""`erp-mcp support-bundle`: something private in every place where it may stand, and none of it in what leaves."""

from __future__ import annotations

import json
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.administration.clients import Machine
from erp_mcp.administration.redaction import Redactor, hidden_parts
from erp_mcp.cli.app import main
from tests.guarantees import guarantees

# Every word with "canary" in it is somebody's: host, account, realm, file, key of a vault, person, path, name, query.
_EVERYWHERE = """\
tools: [canary_tools]
systems:
  erp:
    profile: tryton
    url: https://canary-host.plant.example:8443/canary-path
    database: canary_database
    account: canary_reader
    secret: file:secrets/canary_secret_file
    networks: [10.77.66.55/32, "fd12:3456::77/128"]
    options: {canary_key: canary-option}
    tls: {ca_file: canary_ca.pem, certificate: canary_cert.pem, key: "keyring:canary_keyring"}
    write: {account: canary_writer, secret: "env:CANARY_VARIABLE"}
  api:
    profile: s4hana-v4
    url: https://canary-user:canary-pass@canary-host2.plant.example/erp?token=canary-query
    account: canary_client
    secret: "vault:canary_mount/canary_secret#canary_field"
    auth:
      kind: token_exchange
      token_url: https://canary-tokens.example/canary-realm/token
      audience: canary-audience
      resource: "urn:canary-resource"
      scopes: [canary-scope]
      subject_token: "file:secrets/canary_subject"
      ca_file: canary_token_ca.pem
  own:
    profile: canary-profile
    url: https://canary-host3.example
  shop:
    profile: demo-mes
    url: /opt/canary_elsewhere/canary_mes.sqlite
vault:
  url: https://canary-vault.example:8200
  namespace: canary/namespace
  ca_file: canary_vault_ca.pem
  auth: {kind: approle, role_id: canary-role, secret_id: "file:secrets/canary_secret_id", mount: canary_approle}
notices:
  page: https://canary-page.example/approvals
  mail:
    host: canary-mail.example
    sender: canary-sender@canary.example
    account: canary_mailer
    secret: "env:CANARY_MAIL"
    people: {ada: canary-person@canary.example}
    operators: [canary-ops@canary.example]
    ca_file: canary_mail_ca.pem
  webhooks: {canary_hook: {url: "file:secrets/canary_hook_url", shape: slack}}
"""
_BROKEN = {
    "an unknown key": "systems:\n  erp: {profile: tryton, url: https://x.example, canary-s3cret: 1}\n",
    "a secret for a reference": "systems:\n  erp: {profile: tryton, url: https://x.example, secret: canary-s3cret}\n",
    "a word for a number": "systems:\n  erp: {profile: tryton, url: https://x.example, timeout_s: canary}\n",
    "a name that is none": "systems:\n  Canary-Name: {profile: tryton, url: https://x.example}\n",
    "text without an end": "systems:\n  erp: {profile: tryton, url: 'canary-s3cret\n",
    "a key twice": "systems:\n  canary-a: {profile: tryton, url: x}\n  canary-a: {profile: tryton, url: x}\n",
    "a folder that is not there": "tools: [canary_nowhere]\nsystems: {}\n",
    "an address for a secret": (
        "systems: {}\nnotices: {webhooks: {a: {url: 'https://canary.example/T0/canary', shape: slack}}}\n"
    ),
    "a password in an address": (
        "systems: {}\nstate: {postgresql: {url: 'postgresql://canary:canary-pw@canary-db/x', account: canary}}\n"
    ),
}


def _made(folder: Path) -> tuple[Path, str]:
    """Make a deployment; return its file and what stands in it before the systems."""
    words = ["--deployment", "canary-works", "--owner", "canary-owner"]
    assert CliRunner().invoke(main, ["init", str(folder), *words]).exit_code == 0
    file = folder / "erp-mcp.yaml"
    text = file.read_text(encoding="utf-8")
    return file, text[: text.index("systems:")]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a deployment, and beside it clients of this account, full of private words."""
    file, head = _made(tmp_path / "canary_folder")
    own = file.parent / "canary_tools" / "canary_file_name.txt"
    own.parent.mkdir()
    own.write_text("canary", encoding="utf-8")
    own.chmod(0o666)  # so that doctor names it
    secrets = file.parent / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "canary_secret_file").write_text("canary-s3cret", encoding="utf-8")
    (secrets / "canary_secret_file").chmod(0o600)
    (file.parent / "canary_ca.pem").write_text("-----BEGIN CERTIFICATE-----\ncanary\n", encoding="utf-8")
    file.write_text(head + _EVERYWHERE, encoding="utf-8")
    monkeypatch.setenv("CANARY_VARIABLE", "canary-s3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://canary:canary@canary-proxy.example:3128")
    assert CliRunner().invoke(main, ["policy", "apply", "--config", str(file)]).exit_code == 0
    claude = tmp_path / "canary_home" / ".config" / "Claude" / "claude_desktop_config.json"
    cursor = tmp_path / "canary_home" / ".cursor" / "mcp.json"
    for one in (claude, cursor):
        one.parent.mkdir(parents=True)
    start = ["serve", "--config", str(file), "--as", "canary-agent"]
    servers = {
        "canary-server": {"command": "/opt/canary_program/erp-mcp", "args": start},
        "erp-mcp": {"command": sys.executable, "args": ["-m", "erp_mcp", *start], "env": {"TOKEN": "canary"}},
    }
    claude.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    cursor.write_text('{"mcpServers": {"erp-mcp": {"command": "canary', encoding="utf-8")
    return file


def _collected(config: Path, *words: str) -> dict[str, str]:
    target = config.parent.parent / "support.zip"
    account = Machine(platform="linux", home=config.parent.parent / "canary_home", environ={})
    done = CliRunner().invoke(main, ["support-bundle", str(target), "--config", str(config), *words], obj=account)
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


@guarantees("support.redacted", "P8.secrets_stay")
@pytest.mark.parametrize("words", [(), ("--connect",)])
def test_nothing_private_leaves_from_any_place(config: Path, words: tuple[str, ...]) -> None:
    """Settings, references, variables, certificates, vault, notices, clients, names of files and of people."""
    files = _collected(config, *words)
    whole = "\n".join(files.values()).casefold()
    assert [line for line in whole.splitlines() if "canary" in line] == []
    assert not any(one in whole for one in ("fd12", "10.77", "/opt", str(config.parent.parent).casefold()))
    told = json.loads(files["doctor.json"])
    assert {"permissions", "clients", "secrets of erp", "secrets of the vault"} <= {one["name"] for one in told}
    assert [one["profile"] for one in json.loads(files["configuration.json"])] == [
        "tryton", "s4hana-v4", "<of its owner>", "demo-mes",
    ]  # fmt: skip


@guarantees("support.redacted", "P8.secrets_stay")
def test_with_hosts_no_more_of_an_address_leaves_than_the_host(config: Path) -> None:
    """An account, a path or a token in an address is none of the host."""
    files = _collected(config, "--with-hosts", "--connect")
    whole = "\n".join(files.values())
    hosts = [one["host"] for one in json.loads(files["configuration.json"])]
    named = ("canary-host.plant.example:8443", "canary-host2.plant.example", "canary-host3.example")
    assert hosts == [*(f"https://{host}" for host in named), ""]
    for host in named:
        whole = whole.replace(host, "")
    assert [line for line in whole.splitlines() if "canary" in line.casefold()] == []


@guarantees("support.redacted", "P8.secrets_stay")
@pytest.mark.parametrize("how", _BROKEN)
def test_of_a_file_that_can_t_be_read_the_code_and_the_line_leave_and_no_word(tmp_path: Path, how: str) -> None:
    """What stands in it is not known to be harmless, a key as little as a value."""
    file, head = _made(tmp_path / "p")
    file.write_text(head.replace("canary-works", "works") + _BROKEN[how], encoding="utf-8")
    files = _collected(file, "--with-hosts")
    whole = "\n".join(files.values())
    assert "canary" not in whole.casefold()
    (check,) = json.loads(files["doctor.json"])
    assert "[settings.bad_configuration]" in check["detail"]
    assert ", line " in check["detail"]


@guarantees("support.redacted")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("others may read /srv/x/keys/anna.key", "others may read <path>"),
        (r"C:\Users\anna\erp.yaml is not there", "<path> is not there"),
        ("of <home>/.config/erp.yaml, read/write in 2026/11, W1/W2", "of <home>/…, read/write in 2026/11, W1/W2"),
        ("`/srv/a`, then (/srv/b)", "`<path>`, then (<path>)"),
        ("at fd12:3456::77 and ::1, at 05:40:12 and 1:2", "at <address> and <address>, at 05:40:12 and 1:2"),
        ("the secret file token can't be read; tokens", "the secret file <hidden> can't be read; tokens"),
        ("asked postgresql://u:p@db.example/erp?x=1", "asked <url>"),
    ],
)
def test_paths_addresses_and_names_of_files_go_wherever_they_stand(text: str, told: str) -> None:
    """Messages quote what no configuration names."""
    hidden = {"file:secrets/token": "<hidden>"}
    assert Redactor(hidden, parts=hidden_parts(hidden)).text(text) == told


@guarantees("support.redacted")
def test_with_hosts_an_unknown_address_keeps_its_host_alone() -> None:
    """Its account, path and query may be secrets."""
    redactor = Redactor({}, with_hosts=True)
    assert redactor.text("at https://u:p@a.example:99/x?t=1 and http://[fd12::1]/y") == (
        "at https://a.example:99 and http://[fd12::1]"
    )


@guarantees("support.redacted", "P9.bounded")
@pytest.mark.parametrize("part", ["/", "<", ":", "a:", "/a", "<a>/", "\\", "@", "a.", "x://"])
def test_no_message_makes_redaction_slow(part: str) -> None:
    """A system's text may stand in one."""
    began = time.process_time()
    Redactor({"word": "<w>"}).text(part * 20_000)
    assert time.process_time() - began < 2
