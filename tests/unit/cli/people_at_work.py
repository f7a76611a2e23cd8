"""A small deployment with approvers, proposals put into its store, and a terminal to sit at."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.proposal import Content, Proposal
from tests.unit.approval.people import content

PASSPHRASE = "four correct horses"
ANYBODY = Terms(rule="default", approvers=(), needed=1, self_approval=False, valid_s=14400)
_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Commands about one deployment, run as a script or as a person at a terminal."""

    directory: Path

    @property
    def config(self) -> Path:
        return self.directory / "erp-mcp.yaml"

    @property
    def named(self) -> tuple[str, str]:
        return ("--config", str(self.config))

    def file(self, name: str, text: str = PASSPHRASE, mode: int = 0o600) -> str:
        path = self.directory / name
        path.write_text(text + "\n", encoding="utf-8")
        path.chmod(mode)
        return str(path)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self.config)])

    def json(self, *words: str) -> dict[str, Any]:
        result = self.run(*words, "--json")
        told: dict[str, Any] = json.loads(result.stdout)
        return told

    def enrol(self, approver_id: str, name: str = "", by: str = "") -> Result:
        file = self.file(f"{approver_id}.txt", f"{PASSPHRASE} of {approver_id}")
        words = ["approvals", "enrol", approver_id, "--new-passphrase-file", file, "--name", name]
        return self.run(*words, *(["--as", by, "--passphrase-file", self.key(by)] if by else []))

    def key(self, approver_id: str) -> str:
        return str(self.directory / f"{approver_id}.txt")

    def sign(self, *words: str, by: str) -> Result:
        return self.run(*words, "--as", by, "--passphrase-file", self.key(by), "--yes")

    def propose(self, proposal_id: str = "prp_000000000001", **other: Any) -> Proposal:
        now = datetime.now(UTC)  # noqa: TID251 - the command under test looks at the real clock
        told: dict[str, Any] = {
            "terms": ANYBODY,
            "idempotency_key": f"key-{proposal_id}",
            "fingerprint": proposal_id.ljust(64, "0"),
            "created_at": _text(now - timedelta(minutes=20)),
            "expires_at": _text(now + timedelta(hours=3)),
            **other,
        }
        what: Content = replace(content(proposal_id=proposal_id), **told)
        with_state = self.open()
        try:
            return with_state.state.proposals.create(what)[0]
        finally:
            with_state.close()

    def open(self) -> Deployment:
        return open_deployment(self.config)

    def proposal(self, proposal_id: str = "prp_000000000001") -> Proposal:
        deployment = self.open()
        try:
            return deployment.state.proposals.get(proposal_id)
        finally:
            deployment.close()

    def at_terminal(self, answers: Sequence[tuple[str, str]], *words: str, named: bool = True) -> tuple[int, str]:
        """Run a command at a terminal; each answer is typed once its question stands there."""
        place = ["--config", str(self.config)] if named else []
        command = [sys.executable, "-c", _TERMINAL, sys.executable, "-m", "erp_mcp", *words, *place]
        return at_terminal(command, answers, os.environ)


def at_terminal(command: list[str], answers: Sequence[tuple[str, str]], environ: Mapping[str, str]) -> tuple[int, str]:
    """Return exit status and everything that was shown."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(environ)
    ) as child:
        try:
            return _conversation(child, answers)
        except BaseException:
            child.kill()  # one that waits for an answer would be waited for without end
            raise


def _conversation(child: subprocess.Popen[bytes], answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    assert child.stdin is not None
    shown, read = "", 0
    for question, answer in answers:
        while question not in shown[read:]:
            more = _more(child)
            assert more, f"no {question!r} in: {shown}"
            shown += more
        read = len(shown)
        child.stdin.write(f"{answer}\n".encode())
        child.stdin.flush()
    while more := _more(child):
        shown += more
    child.stdin.close()
    return child.wait(_PATIENCE_S), shown


def _more(child: subprocess.Popen[bytes]) -> str:
    assert child.stdout is not None
    ready, _, _ = select.select([child.stdout], [], [], _PATIENCE_S)
    return os.read(child.stdout.fileno(), 65536).decode("utf-8", "replace") if ready else ""


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
