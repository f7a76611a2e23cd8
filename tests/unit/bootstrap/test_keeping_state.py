"""The state as a configuration names it: prepared by its owner, served from by another role, TLS where it leaves us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.administration.redaction import hidden_words
from erp_mcp.audit.verify import verify
from erp_mcp.bootstrap import open_deployment
from erp_mcp.bootstrap.keeping_state import LocalLeases, _place, prepare_state
from erp_mcp.cli.app import main
from erp_mcp.errors import ConfigurationError, StateUnavailableError
from erp_mcp.settings import PostgresqlSettings, load
from erp_mcp.store.state.file import VERSION
from tests.guarantees import guarantees
from tests.systems.postgresql.server import Rig, running
from tests.unit.approval import people
from tests.unit.store.state.fakes import a_content, a_state, an_entry

DATABASE = "erp_mcp_bootstrap"
HERE = PostgresqlSettings(
    url="postgresql://127.0.0.1:5432/erp",
    schema="erp_mcp",
    account="gateway",
    secret="",
    owner_account="",
    owner_secret="",
    ca_file="",
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running(tmp_path_factory.mktemp("postgresql")) as one:
        one.create_database(DATABASE)
        yield one


@pytest.fixture
def config(rig: Rig, tmp_path: Path) -> Path:
    """The configuration of a deployment whose state is to be on PostgreSQL; nothing is prepared."""
    rig.create_database(DATABASE)
    for name, secret in (("gateway", rig.create_role(DATABASE)), ("owner", rig.password)):
        kept = tmp_path / f"{name}.secret"
        kept.write_text(secret, encoding="utf-8")
        kept.chmod(0o600)
    file = tmp_path / "erp-mcp.yaml"
    file.write_text(
        "version: 1\ndeployment: north\nenvironment: development\nplant: {zone: UTC}\nstate_dir: state\n"
        f"state: {{postgresql: {{url: '{rig.url(DATABASE)}', schema: north, account: {DATABASE},"
        f" secret: 'file:gateway.secret', owner_account: {rig.user}, owner_secret: 'file:owner.secret'}}}}\n",
        encoding="utf-8",
    )
    return file


def prepared(config: Path) -> str:
    """Prepare the schema as a person does; return what the command said."""
    done = CliRunner().invoke(main, ["state", "prepare", "--config", str(config), "--json"])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.live
@guarantees("P4.two_stores")
def test_a_prepared_schema_keeps_the_state_of_all_who_open_it(config: Path) -> None:
    """Two machines are two deployments of one name that see one state."""
    assert json.loads(prepared(config)) == json.loads(prepared(config)) == {"schema": "north", "version": VERSION}
    one, other = open_deployment(config), open_deployment(config)
    content = a_content(created=one.clock.wall())
    proposal, _ = one.state.proposals.create(content)
    one.state.approvers.enrol(people.enrolled(people.ROOT, people.ROOT))
    other.state.proposals.decide(people.decided(proposal, people.ROOT))
    assert one.state.proposals.get(content.proposal_id).state.value == "APPROVED"
    with one.state.engine.snapshot():
        kept = one.state.proposals.kept()
        assert verify(one.state.audit.read_all(), strays=one.state.audit.strays(), proposals=kept).findings == ()
    told = CliRunner().invoke(main, ["audit", "verify", "--config", str(config), "--json"])
    assert told.exit_code == 0, told.output
    one.close()
    other.close()
    assert not (config.parent / "state" / "state.sqlite").exists()


@pytest.mark.live
@guarantees("P4.two_stores", "input.clear_errors")
def test_what_is_not_prepared_says_what_to_do(config: Path) -> None:
    """Servers never make a schema; whoever starts one first reads which command does."""
    deployment = open_deployment(config)
    with pytest.raises(StateUnavailableError) as told:
        _ = deployment.state
    assert told.value.facts == {"reason": "not prepared", "command": "erp-mcp state prepare"}
    (config.parent / "owner.secret").unlink()
    done = CliRunner().invoke(main, ["state", "prepare", "--config", str(config)])
    assert done.exit_code != 0
    assert "owner.secret can't be read" in done.output


@pytest.mark.live
@guarantees("P4.two_stores", "P1.write_identity")
def test_serving_never_asks_for_the_secret_of_the_owner(config: Path) -> None:
    """The machine that serves need not have it."""
    prepared(config)
    (config.parent / "owner.secret").unlink()
    deployment = open_deployment(config)
    assert deployment.state.audit.append(an_entry()).seq == 1
    deployment.close()


@guarantees("input.clear_errors")
def test_a_file_is_not_prepared(tmp_path: Path) -> None:
    """There is nothing to do, and the command says why."""
    file = tmp_path / "erp-mcp.yaml"
    file.write_text("version: 1\ndeployment: n\nenvironment: demo\nplant: {zone: UTC}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as told:
        prepare_state(load(file))
    assert told.value.facts["key"] == "state"
    with pytest.raises(ConfigurationError) as told:
        prepare_state(replace(load(file), state=HERE))
    assert told.value.facts["key"] == "state.postgresql.owner_account"


@guarantees("P8.no_leaks")
@pytest.mark.parametrize(("url", "ca_file", "trusted"), [
    ("postgresql://127.0.0.1:5432/erp", "", ""),
    ("postgresql://localhost/erp", "", ""),
    ("postgresql://[::1]:5432/erp", "", ""),
    ("postgresql://db.example:5432/erp", "", "system"),
    ("postgresql://localhost.example/erp", "", "system"),
    ("postgresql://10.0.0.5/erp", "", "system"),
    ("postgresql://127.0.0.1/erp", "/c/db.pem", "/c/db.pem"),
    ("postgresql://db.example/erp", "/c/db.pem", "/c/db.pem"),
])  # fmt: skip
def test_what_leaves_this_machine_goes_to_a_server_that_somebody_vouches_for(
    url: str, ca_file: str, trusted: str, tmp_path: Path
) -> None:
    """Proposals and the password of the role go there."""
    file = tmp_path / "erp-mcp.yaml"
    file.write_text("version: 1\ndeployment: n\nenvironment: demo\nplant: {zone: UTC}\n", encoding="utf-8")
    assert _place(load(file), replace(HERE, url=url, ca_file=ca_file)).ca_file == trusted


@guarantees("P8.no_leaks")
def test_a_support_bundle_hides_where_the_state_is_and_who_signs_in(tmp_path: Path) -> None:
    """It goes to people who have no business with the database."""
    file = tmp_path / "erp-mcp.yaml"
    file.write_text("version: 1\ndeployment: n\nenvironment: demo\nplant: {zone: UTC}\n", encoding="utf-8")
    state = replace(
        HERE, url="postgresql://db.inside.example:5432/erp", secret="env:STATE_PASSWORD", owner_account="boss"
    )
    words = hidden_words(replace(load(file), state=state), {}, with_hosts=True)
    assert words.keys() >= {state.url, "db.inside.example", "gateway", "env:STATE_PASSWORD", "STATE_PASSWORD", "boss"}
    assert "erp_mcp" not in words, "it is the name of every module"


@guarantees("P10.survives")
def test_machines_with_read_models_of_their_own_fill_them_at_the_same_time(tmp_path: Path) -> None:
    """A lease in the common state must not keep one machine from reading while another does."""
    file = tmp_path / "erp-mcp.yaml"
    file.write_text("version: 1\ndeployment: n\nenvironment: demo\nplant: {zone: UTC}\n", encoding="utf-8")
    here, state = load(file), a_state(tmp_path / "state")
    one, same = LocalLeases(state.leases, here), LocalLeases(state.leases, here)
    elsewhere = LocalLeases(state.leases, replace(here, read_model=tmp_path / "another.sqlite"))
    held = one.acquire("sync", "a", ttl_s=60)
    assert held is not None
    assert same.acquire("sync", "b", ttl_s=60) is None
    assert elsewhere.acquire("sync", "b", ttl_s=60) is not None
    assert one.acquire(held.name, "a", ttl_s=60) == replace(held, expires_at=held.expires_at)
    one.release(held)
    assert same.acquire("sync", "b", ttl_s=60) is not None
    state.close()
