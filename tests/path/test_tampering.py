"""Somebody changes what people approved, in the state file itself: nothing of it is carried out, and it is found.

Each change is made behind the back of every trigger, to a copy of a real deployment with one approved proposal; then a
real worker is let loose, and what the demo ERP holds must be what it was.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp import administration
from erp_mcp.approval import envelope, keys, signed
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.committing import committer
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.forms import FormError, from_json
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content
from erp_mcp.worker import work_once
from tests.guarantees import guarantees
from tests.path.conftest import Desk, open_desk

DECIDES: Final = "demo-approver"
SENT: Final = {State.SENDING, State.COMMITTED, State.UNKNOWN, State.RECONCILING}
Change = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A plant with approved proposals that no worker has seen; each change works on a copy of its state."""

    plant: Path
    approved: tuple[str, ...]
    waiting: str

    def after(self, change: Change, name: str) -> tuple[State, str, bool]:
        """Make a change to a copy of the state, let a worker work, and say how the first proposal and the ERP stand."""
        state = self.plant / f"state-{name}"
        shutil.copytree(self.plant / "state", state)
        config = self.plant / f"{name}.yaml"
        text = (self.plant / "erp-mcp.yaml").read_text(encoding="utf-8")
        config.write_text(text.replace("state_dir: state", f"state_dir: state-{name}"), encoding="utf-8")
        with closing(sqlite3.connect(state / "state.sqlite")) as file, file:
            unguarded(file)
            file.execute("UPDATE proposal SET not_before = '9999' WHERE proposal_id = ?", (self.approved[1],))
            change(file)
        before = bought(self.plant)
        deployment = open_deployment(config)
        try:
            asyncio.run(work_once(deployment, lambda _proposal, _lost: None))
            with deployment.state.engine.reading() as session:
                row = session.execute(
                    "SELECT state, reason FROM proposal WHERE proposal_id = ?", (self.approved[0],)
                ).fetchone()
        finally:
            deployment.close()
            shutil.rmtree(state)
            config.unlink()
        return State(row[0]), row[1], bought(self.plant) == before


def bought(plant: Path) -> list[tuple[Any, ...]]:
    """Return everything in the ERP that a purchase writes."""
    with closing(sqlite3.connect(plant / "erp.sqlite")) as erp:
        return [row for table in ("po_item", "po_conf", "pr_item") for row in erp.execute(f"SELECT * FROM {table}")]


def unguarded(file: sqlite3.Connection) -> None:
    """Take away what keeps rows as they are, as somebody with the file can."""
    for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        file.execute(f"DROP TRIGGER {name}")


@pytest.fixture(scope="module")
def scene(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Two proposals approved, a third that waits."""
    plant = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("tampering") / "demo"))
    desk = open_desk(plant)
    try:
        handles = [propose(desk, number) for number in range(3)]
        for handle in handles[:2]:
            approve(desk.deployment, handle)
    finally:
        desk.deployment.close()
    return Scene(plant=plant, approved=tuple(handles[:2]), waiting=handles[2])


def propose(desk: Desk, number: int) -> str:
    """Let the buyer propose a later date for an open line and return the handle."""
    lines = desk.rows("buyer", "list_purchase_orders", "lines", limit=200)
    open_lines = [line for line in lines if line["order_state"] == "open" and line["promised_date"] > "2026-03-16"]
    line = open_lines[number]
    later = (date.fromisoformat(line["promised_date"]) + timedelta(days=7)).isoformat()
    answer = desk.answer(
        "buyer",
        "propose_update_delivery_date",
        purchase_order_id=line["purchase_order_id"],
        line=line["line"],
        new_date=later,
        reason="the supplier has called",
        idempotency_key=f"tampering-{number}-key",
    )
    table = answer.tables["proposal"]
    return str(table.rows[0][table.columns.index("proposal_id")])


def approve(deployment: Deployment, handle: str) -> None:
    """Let a person approve, without a worker."""
    passphrase = (deployment.settings.file.parent / "keys" / f"{DECIDES}.passphrase").read_text(encoding="utf-8")
    signing = administration.Signing(approver_id=DECIDES, passphrase=passphrase.strip())
    administration.decide(deployment, deployment.state.proposals.get(handle), signing, "approve")


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of everything in a JSON value that is no object or array; of empty ones, their own."""
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    if not inner:
        yield path
    for key, item in inner:
        yield from leaves(item, (*path, key))


def altered(text: str, path: tuple[str | int, ...]) -> str:
    """Return canonical JSON with one leaf changed to another value of its type."""
    whole = json.loads(text)
    holder = whole
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = other(holder[path[-1]])
    return canonical(whole).decode("utf-8")


def other(value: Any) -> Any:
    """Return another value of the same type, as close as can be."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value[:-1]}{'1' if value[-1:] != '1' else '2'}"
    return ["x"] if isinstance(value, list) else {"x": "y"} if isinstance(value, dict) else "x"


def content_of(scene: Scene, handle: str) -> str:
    """Return the stored content of a proposal."""
    with closing(sqlite3.connect(scene.plant / "state" / "state.sqlite")) as file:
        return str(file.execute("SELECT content FROM proposal WHERE proposal_id = ?", (handle,)).fetchone()[0])


def envelope_of(scene: Scene) -> str:
    """Return the stored envelope of the first decision."""
    query = "SELECT envelope FROM decision WHERE proposal_id = ?"
    with closing(sqlite3.connect(scene.plant / "state" / "state.sqlite")) as file:
        return str(file.execute(query, (scene.approved[0],)).fetchone()[0])


def put_content(scene: Scene, text: str, *, digest: str = "") -> Change:
    """Replace the content of the first proposal, and its digest where one is given, with the columns beside it."""
    told = json.loads(text)

    def change(file: sqlite3.Connection) -> None:
        columns = {"agent": told["agent"], "tool": told["tool"], "fingerprint": told["fingerprint"], "content": text}
        columns |= {"idempotency_key": told["idempotency_key"], "system": told["command"]["system"]}
        columns |= {
            "made_at": told["created_at"],
            "ends_at": told["expires_at"],
            **({"digest": digest} if digest else {}),
        }
        names = ", ".join(f"{name} = ?" for name in columns)
        file.execute(f"UPDATE proposal SET {names} WHERE proposal_id = ?", (*columns.values(), scene.approved[0]))

    return change


@guarantees("P4.one_effect")
def test_what_nobody_changed_is_carried_out(prepared: Path, tmp_path: Path) -> None:
    """The scene would commit, else all that follows would prove nothing."""
    plant = Path(shutil.copytree(prepared, tmp_path / "demo"))
    desk = open_desk(plant)
    try:
        handle = propose(desk, 0)
        approve(desk.deployment, handle)
        assert asyncio.run(work_once(desk.deployment, lambda _proposal, _lost: None)) == 1
        assert desk.deployment.state.proposals.get(handle).state is State.COMMITTED
    finally:
        desk.deployment.close()


@guarantees("P3.binding")
@pytest.mark.parametrize("with_digest", [False, True], ids=["content", "content_and_digest"])
def test_each_field_of_an_approved_proposal_altered_is_found_and_nothing_is_sent(
    scene: Scene, with_digest: bool
) -> None:
    """Whatever stands in it, payload, preview, terms, tool, times: one character other than approved, and it is off."""
    text = content_of(scene, scene.approved[0])
    tried = 0
    for number, path in enumerate(leaves(json.loads(text))):
        changed = altered(text, path)
        digest = ""
        if with_digest:
            try:
                digest = envelope.digest(from_json(Content, json.loads(changed)))
            except FormError:
                continue  # not of its form, so nobody can work out a digest that fits
        state, reason, untouched = scene.after(put_content(scene, changed, digest=digest), f"c{number}-{with_digest}")
        assert untouched, path
        assert state not in SENT, (path, state, reason)
        tried += 1
    print(f"{tried} fields altered, {tried} found, nothing sent")
    assert tried > 60


@guarantees("P3.binding")
def test_each_field_of_a_decision_altered_is_found_and_nothing_is_sent(scene: Scene) -> None:
    """A signature is under every word of it, and the columns beside it say nothing else."""
    text = envelope_of(scene)
    changes: dict[str, Change] = {
        "_".join(map(str, path)): _decision_column("envelope", altered(text, path), scene)
        for path in leaves(json.loads(text))
    }
    changes["signature"] = _decision_column("signature", "0" * 128, scene)
    changes["spaces"] = _decision_column("envelope", text.replace(":", ": ", 1), scene)
    for name, change in changes.items():
        state, reason, untouched = scene.after(change, f"d-{name}")
        assert untouched, name
        assert state is State.NEEDS_HUMAN, (name, state, reason)
    print(f"{len(changes)} fields of decisions altered, all found, nothing sent")


def _decision_column(column: str, value: str, scene: Scene) -> Change:
    def change(file: sqlite3.Connection) -> None:
        file.execute(f"UPDATE decision SET {column} = ? WHERE proposal_id = ?", (value, scene.approved[0]))

    return change


@guarantees("P3.people_commit", "P3.binding")
def test_a_proposal_that_nobody_approved_is_not_sent_whatever_its_row_says(scene: Scene) -> None:
    """A state is not an approval: the row of a proposal that waits is set to APPROVED by hand."""

    def change(file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM decision WHERE proposal_id = ?", (scene.approved[0],))

    state, reason, untouched = scene.after(change, "no-decision")
    assert (state, untouched) == (State.NEEDS_HUMAN, True), reason


@guarantees("P3.binding")
@pytest.mark.parametrize("field", ["headline", "after"])
@pytest.mark.parametrize("reason", ["records_disagree", "preview_differs"])
@pytest.mark.bends_log("the row of a proposal is changed")
def test_a_preview_that_was_made_harmless_before_a_person_saw_it_is_found(
    prepared: Path, tmp_path: Path, field: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with the file shows one thing and has another happen; the person signs in good faith.

    The record of what was proposed tells on them; where the records were forged as well, the preview itself does.
    """
    if reason == "preview_differs":
        monkeypatch.setattr(committer, "check_recorded", lambda *_: None)  # as if they agreed with the row
    plant = Path(shutil.copytree(prepared, tmp_path / "demo"))
    desk = open_desk(plant)
    try:
        handle = propose(desk, 0)
        with desk.deployment.state.engine.reading() as session:
            told = json.loads(session.execute("SELECT content FROM proposal").fetchone()[0])
        if field == "headline":
            told["preview"]["headline"] = "Correct a spelling mistake"
        else:
            told["preview"]["changes"][0]["after"] = told["preview"]["changes"][0]["before"]
        text = canonical(told).decode("utf-8")
        digest = envelope.digest(from_json(Content, told))
        with closing(sqlite3.connect(plant / "state" / "state.sqlite")) as file, file:
            unguarded(file)
            file.execute("UPDATE proposal SET content = ?, digest = ?", (text, digest))
        before = bought(plant)
        approve(desk.deployment, handle)
        asyncio.run(work_once(desk.deployment, lambda _proposal, _lost: None))

        proposal = desk.deployment.state.proposals.get(handle)
        assert (proposal.state, proposal.reason) == (State.NEEDS_HUMAN, reason)
        assert bought(plant) == before
    finally:
        desk.deployment.close()


@guarantees("P3.binding")
def test_an_approval_of_one_proposal_does_not_carry_out_another(scene: Scene) -> None:
    """Approve A, execute B: the decision about the second stands under the first one's number."""

    def change(file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM decision WHERE proposal_id = ?", (scene.approved[0],))
        file.execute(
            "UPDATE decision SET proposal_id = ? WHERE proposal_id = ?", (scene.approved[0], scene.approved[1])
        )

    state, reason, untouched = scene.after(change, "approve-a-execute-b")
    assert (state, untouched) == (State.NEEDS_HUMAN, True), reason


@guarantees("P3.binding")
def test_the_content_of_one_proposal_under_the_approval_of_another_is_not_sent(scene: Scene) -> None:
    """The whole content of a waiting proposal is put in place of the approved one, digest and all."""
    foreign = json.loads(content_of(scene, scene.waiting))
    own = json.loads(content_of(scene, scene.approved[0]))
    mixed = {**foreign, "proposal_id": own["proposal_id"], "idempotency_key": own["idempotency_key"]}
    text = canonical(mixed).decode("utf-8")
    state, reason, untouched = scene.after(put_content(scene, text), "swapped")
    assert (state, untouched) == (State.NEEDS_HUMAN, True), reason


@guarantees("P3.binding", "P3.requesters")
@pytest.mark.parametrize("signs_itself", [True, False], ids=["self-signed", "signed-in-the-name-of-the-root"])
def test_an_approver_put_into_the_file_by_hand_decides_nothing(scene: Scene, signs_itself: bool) -> None:
    """A key of one's own, an enrolment of one's own, a proper signature with it: it does not go back to the root."""
    pair = keys.make("a passphrase of mallory", random=bytes(range(60)))
    enrolment = Enrolment(
        deployment="demo-plant",
        approver_id="mallory",
        name="Mallory",
        public_key=pair.public,
        enrolled_by="mallory" if signs_itself else "demo-admin",
        enrolled_at="2026-03-16T05:00:00Z",
    )
    text, message = signed.written(signed.ENROLMENT, enrolment)
    signature = keys.sign(pair, "a passphrase of mallory", message)
    told = {**json.loads(envelope_of(scene)), "approver_id": "mallory", "approver_name": "Mallory"}
    said, said_message = envelope.message(envelope.Envelope(**{**told, "public_key": pair.public}))
    own = keys.sign(pair, "a passphrase of mallory", said_message)

    def change(file: sqlite3.Connection) -> None:
        file.execute(
            "INSERT INTO approver (approver_id, enrolment, enrolment_signer, enrolment_signature, public_key,"
            " sealed_key) VALUES ('mallory', ?, ?, ?, ?, ?)",
            (text, enrolment.enrolled_by, signature, pair.public, pair.sealed),
        )
        file.execute(
            "UPDATE decision SET approver_id = 'mallory', envelope = ?, signature = ? WHERE proposal_id = ?",
            (said, own, scene.approved[0]),
        )

    state, reason, untouched = scene.after(change, f"mallory-{signs_itself}")
    assert untouched
    assert state not in SENT, reason


@guarantees("P4.one_effect")
@pytest.mark.bends_log("a state that no move led to")
def test_a_proposal_that_was_written_and_is_set_back_by_hand_is_not_written_again(
    prepared: Path, tmp_path: Path
) -> None:
    """The system knows our reference already, so the worker hands over to a person instead of sending."""
    plant = Path(shutil.copytree(prepared, tmp_path / "demo"))
    desk = open_desk(plant)
    try:
        handle = propose(desk, 0)
        approve(desk.deployment, handle)
        asyncio.run(work_once(desk.deployment, lambda _proposal, _lost: None))
        with closing(sqlite3.connect(plant / "state" / "state.sqlite")) as file, file:
            unguarded(file)
            file.execute("UPDATE proposal SET state = 'APPROVED', receipt = '', fence = 0")
        before = bought(plant)
        asyncio.run(work_once(desk.deployment, lambda _proposal, _lost: None))

        assert bought(plant) == before
        assert desk.deployment.state.proposals.get(handle).state not in SENT
    finally:
        desk.deployment.close()
