"""`erp-mcp support-bundle`: enough to help, and not one word that is nobody's business."""

from __future__ import annotations

import json
import sqlite3
import stat
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.administration.clients import Machine
from erp_mcp.administration.redaction import Redactor
from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.prepared import DemoPlant

CANARIES = {
    "host": "canary-host.plant.example",
    "address": "10.77.66.55",
    "user in a URL": "canaryuser",
    "account": "canary_reader",
    "writing account": "canary_writer",
    "database": "canary_database",
    "secret": "canary-s3cret-value",
    "secret's place": "canary_secret_file",
    "variable": "CANARY_VARIABLE",
    "option": "canary-option-value",
    "owner": "canary-owner",
    "deployment": "canary-works",
    "token host": "canary-tokens.example",
}
_SYSTEMS = """\
systems:
  erp:
    profile: tryton
    url: https://{user}@{host}:8443/erp
    database: {database}
    account: {account}
    secret: file:secrets/{place}
    networks: [{address}/32]
    options: {{canary_key: {option}}}
    auth: {{kind: client_credentials, token_url: "https://{tokens}/token"}}
    write: {{account: {writing}, secret: "env:{variable}"}}
  shop:
    profile: demo-mes
    url: {demo}
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """Return a prepared demo plant, whose records are full of names."""
    return demo_plant(tmp_path_factory.mktemp("plant") / "demo")


@pytest.fixture
def config(tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a deployment with a canary in every place where something private may stand."""
    folder, runner = tmp_path / "canary_folder", CliRunner()
    words = ["--deployment", CANARIES["deployment"], "--owner", CANARIES["owner"]]
    assert runner.invoke(main, ["init", str(folder), *words]).exit_code == 0
    file = folder / "erp-mcp.yaml"
    text = file.read_text(encoding="utf-8")
    systems = _SYSTEMS.format(
        host=CANARIES["host"],
        database=CANARIES["database"],
        account=CANARIES["account"],
        place=CANARIES["secret's place"],
        writing=CANARIES["writing account"],
        variable=CANARIES["variable"],
        demo=demo / "mes.sqlite",
        user=CANARIES["user in a URL"],
        address=CANARIES["address"],
        option=CANARIES["option"],
        tokens=CANARIES["token host"],
    )
    file.write_text(text[: text.index("systems:")] + systems, encoding="utf-8")
    (folder / "secrets").mkdir(mode=0o700)
    secret = folder / "secrets" / CANARIES["secret's place"]
    secret.write_text(CANARIES["secret"], encoding="utf-8")
    secret.chmod(0o600)
    monkeypatch.setenv(CANARIES["variable"], CANARIES["secret"])
    assert runner.invoke(main, ["policy", "apply", "--config", str(file)]).exit_code == 0
    return file


def collected(config: Path, target: Path, *words: str) -> dict[str, str]:
    """Return the files of a bundle by name."""
    nobody = Machine(platform="linux", home=target.parent / "nobody", environ={})
    done = CliRunner().invoke(main, ["support-bundle", str(target), "--config", str(config), *words], obj=nobody)
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


@guarantees("support.redacted", "P8.secrets_stay")
def test_no_canary_leaves_by_a_bundle(config: Path, tmp_path: Path) -> None:
    """Secrets, accounts, addresses, people, paths: planted everywhere, and found nowhere."""
    files = collected(config, tmp_path / "s.zip")
    whole = "\n".join(files.values())
    assert [what for what, word in CANARIES.items() if word.casefold() in whole.casefold()] == []
    assert "canary" not in whole.casefold()
    assert str(tmp_path) not in whole
    assert {*files} >= {"README.txt", "doctor.json", "configuration.json", "read_model.json", "audit.json"}
    assert json.loads(files["read_model.json"]) == {"error": "read_model.not_ready"}  # nothing is synchronised yet
    assert [name for name, text in files.items() if '"error"' in text] == ["read_model.json"]
    assert [one["secret_from"] for one in json.loads(files["configuration.json"])] == ["file", ""]
    assert stat.S_IMODE((tmp_path / "s.zip").stat().st_mode) == 0o600


@guarantees("support.redacted")
def test_hosts_are_in_it_only_where_they_were_asked_for(config: Path, tmp_path: Path) -> None:
    """Whoever helps with a connection must know them; accounts and secrets stay out even then."""
    whole = "\n".join(collected(config, tmp_path / "s.zip", "--with-hosts").values())
    assert CANARIES["host"] in whole
    others = {what: word for what, word in CANARIES.items() if what != "host"}
    assert [what for what, word in others.items() if word.casefold() in whole.casefold()] == []


@guarantees("support.redacted")
def test_no_record_and_no_argument_of_a_call_is_in_it(demo: Path, tmp_path: Path) -> None:
    """Ids, names and texts of the plant are looked for, all of them."""
    asked = json.dumps({"reference": "4711-canary"})
    for words in (["find_order", asked], ["list_sales_orders"], ["canary_tool"]):
        CliRunner().invoke(main, ["tools", "call", *words, "--demo-dir", str(demo)])
    files = collected(demo / "erp-mcp.yaml", tmp_path / "s.zip")
    whole = "\n".join(files.values())
    with closing(sqlite3.connect(demo / "erp.sqlite")) as erp:
        names = {name for (name,) in erp.execute("SELECT name1 FROM customer UNION SELECT name1 FROM vendor")}
        ids = {one for (one,) in erp.execute("SELECT so_no FROM so_head UNION SELECT cust_no FROM customer")}
    assert len(names) > 50
    assert [word for word in names | ids if word in whole] == []
    assert "canary" not in whole
    assert json.loads(files["audit.json"])["by_kind_tool_and_code"]["call.answered list_sales_orders"] >= 1


@guarantees("support.redacted")
def test_a_deployment_that_does_not_open_can_still_be_reported(config: Path, tmp_path: Path) -> None:
    """That is when help is needed most."""
    config.write_text(config.read_text(encoding="utf-8") + "nonsense: https://canary-host.plant.example\n", "utf-8")
    files = collected(config, tmp_path / "s.zip", "--with-hosts")
    assert json.loads(files["summary.json"])["error"] == "settings.bad_configuration"
    assert "canary" not in "\n".join(files.values())


@guarantees("support.redacted")
def test_a_bundle_overwrites_nothing(config: Path, tmp_path: Path) -> None:
    """A report may be the only one of its moment."""
    target = tmp_path / "s.zip"
    target.write_text("mine", encoding="utf-8")
    done = CliRunner().invoke(main, ["support-bundle", str(target), "--config", str(config)])
    assert done.exit_code == 2
    assert target.read_text(encoding="utf-8") == "mine"


@guarantees("support.redacted")
def test_what_looks_like_an_address_goes_even_where_nobody_knew_it() -> None:
    """Messages may quote what no configuration names."""
    redactor = Redactor({"Plant-7": "<x>", "ab": "<never>"})
    told = redactor.text("see https://a.example/x?y=1, 10.0.0.1, anna@firm.example, PLANT-7, cab")
    assert told == "see <url> <address>, <mail address>, <x>, cab"
    assert redactor.value({"plant-7": ["10.0.0.1", 3, None]}) == {"<x>": ["<address>", 3, None]}
