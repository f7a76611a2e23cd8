"""A deployment of the demo plant on either store, in which several agents may propose everything."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Final

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import open_deployment
from erp_mcp.bootstrap.keeping_state import prepare_state
from erp_mcp.settings import load
from tests.systems.postgresql.server import Rig
from tests.writes.desk import ADMIN, AGENT, APPROVERS, furnish, passphrase_of

AGENTS: Final = (AGENT, f"{AGENT}-2")
CONFIGURATION: Final = "erp-mcp.yaml"
_OWNED: Final = ("approvers.root", f"{ADMIN}.passphrase", f"{APPROVERS[0]}.passphrase")


def furnished(plant: Path, rig: Rig | None) -> None:
    """Let all agents of a prepared plant propose everything; its state is moved to `rig` where there is one."""
    with (plant / CONFIGURATION).open("a", encoding="utf-8") as file:
        file.write("deadline_s: 60\n")  # a machine that is busy refuses nothing for that
    if rig is not None:
        _moved(plant, rig)
    furnish(plant)
    base = plant / "policies" / "base.yaml"
    policy = json.loads(base.read_text(encoding="utf-8"))
    policy["agents"] = {one: {"role": AGENT, "owner": "demo-owner"} for one in AGENTS}
    base.write_text(json.dumps(policy), encoding="utf-8")
    deployment = open_deployment(plant / CONFIGURATION)
    try:
        administration.apply_policy(deployment, applied_by="tests", signing=_admin(plant))
    finally:
        deployment.close()


def _moved(plant: Path, rig: Rig) -> None:
    """Keep the state in a database of its own, with people enrolled anew: those of the file stay with it."""
    name = f"fire_{secrets.token_hex(4)}"
    rig.create_database(name)
    for role, secret in (("gateway", rig.create_role(name)), ("owner", rig.password)):
        kept = plant / f"{role}.secret"
        kept.write_text(secret, encoding="utf-8")
        kept.chmod(0o600)
    with (plant / CONFIGURATION).open("a", encoding="utf-8") as file:
        file.write(
            f"state: {{postgresql: {{url: '{rig.url(name)}', account: {name}, secret: 'file:gateway.secret',"
            f" owner_account: {rig.user}, owner_secret: 'file:owner.secret'}}}}\n"
        )
    prepare_state(load(plant / CONFIGURATION))
    for kept in plant.rglob("*"):
        if kept.name in _OWNED:
            kept.unlink()
    deployment = open_deployment(plant / CONFIGURATION)
    try:
        secret = passphrase_of(plant, ADMIN)
        administration.enrol(deployment, ADMIN, "Administrator of the demo", secret)
        administration.enrol(deployment, APPROVERS[0], "Approver of the demo", secret, by=_admin(plant))
    finally:
        deployment.close()


def _admin(plant: Path) -> Signing:
    return Signing(approver_id=ADMIN, passphrase=passphrase_of(plant, ADMIN))
