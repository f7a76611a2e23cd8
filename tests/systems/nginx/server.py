"""nginx as a child process on 127.0.0.1: with the file that docs/page.md shows, and with two that are wrong.

It binds ports of its own alone, ends TLS by a certificate that is made on the spot, and is stopped by its pid.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.systems import processes
from tests.systems.openbao.certificates import make_certificates

DESCRIPTION: Final = "rig.json"
VARIABLE: Final = "ERP_MCP_NGINX_DIR"
_ROOT: Final = Path(__file__).resolve().parents[3]
_START_S: Final = 60
_SHOWN: Final = re.compile(r"```nginx\n(server \{.*?)```", re.DOTALL)
_AROUND: Final = """{user}daemon off;
worker_processes 1;
pid {state}/nginx.pid;
error_log {state}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
{servers}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A running proxy.

    `public` is the page's address by it, `page_port` where the page has to listen on 127.0.0.1. By `host_lost` and
    `path_lost` the same page is reached through a proxy that does not pass on one of the two.
    """

    public: str
    page_port: int
    host_lost: str
    path_lost: str
    ca_file: str
    version: str
    pid: int

    @classmethod
    def load(cls, state: Path) -> Rig:
        """Return what `start` wrote."""
        return cls(**json.loads((state / DESCRIPTION).read_text(encoding="utf-8")))

    def trust(self) -> ssl.SSLContext:
        """Return what believes the proxy's certificate and no other."""
        return ssl.create_default_context(cafile=self.ca_file)


def start(dest: Path, state: Path) -> Rig:
    """Start what `install.sh` put into `dest`, and describe it in `state`."""
    state.mkdir(parents=True, exist_ok=True)
    program = dest / "usr" / "sbin" / "nginx"
    said = subprocess.run([str(program), "-v"], capture_output=True, text=True, check=True).stderr
    ca_file, _, _ = make_certificates(state)
    page, right, no_host, no_path = _free_ports(4)
    (state / "nginx.conf").write_text(_config(state, page, right, no_host, no_path), encoding="utf-8")
    log = state / "log"
    words = [str(program), "-e", str(state / "error.log"), "-p", str(state), "-c", str(state / "nginx.conf")]
    process = processes.started(words, log)
    (state / "pid").write_text(f"{process.pid}\n", encoding="ascii")
    processes.wait_for(process, lambda: _listens(right), name="nginx", log=log, within_s=_START_S)
    rig = Rig(
        public=f"https://localhost:{right}/approvals",
        page_port=page,
        host_lost=f"https://localhost:{no_host}/approvals",
        path_lost=f"https://localhost:{no_path}/approvals",
        ca_file=ca_file,
        version=said.strip().rpartition("/")[2],
        pid=process.pid,
    )
    processes.describe(state / DESCRIPTION, json.dumps(asdict(rig), indent=1))
    return rig


def stop(state: Path) -> None:
    """End what `start` started, by its pid and no other way."""
    processes.end_all(state)
    (state / DESCRIPTION).unlink(missing_ok=True)


def shown() -> str:
    """Return the server that the docs show."""
    (found,) = _SHOWN.findall((_ROOT / "docs" / "page.md").read_text(encoding="utf-8"))
    return str(found)


def _config(state: Path, page: int, right: int, no_host: int, no_path: int) -> str:
    """Return the docs' server as it stands but for names, ports and files, and two that somebody got wrong."""

    def at(port: int) -> str:
        text = shown()
        for told, ours in (
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("server_name tools.example.com;", "server_name localhost;"),
            ("/etc/ssl/approvals/chain.pem", str(state / "server.pem")),
            ("/etc/ssl/approvals/key.pem", str(state / "server.key")),
            ("http://127.0.0.1:8321;", f"http://127.0.0.1:{page};"),
        ):
            assert text.count(told) == 1, f"docs/page.md has no {told!r} any more"
            text = text.replace(told, ours)
        return text

    without_host = re.sub(r"\n.*proxy_set_header Host .*", "", at(no_host))
    without_path = at(no_path).replace(f"127.0.0.1:{page};", f"127.0.0.1:{page}/;")
    user = "user root;\n" if os.geteuid() == 0 else ""  # its files lie where only we may look
    return _AROUND.format(user=user, state=state, servers="\n".join((at(right), without_host, without_path)))


def _free_ports(number: int) -> tuple[int, ...]:
    """Return ports of 127.0.0.1 that nobody uses, all different, none of those that connections out are given."""
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        while len(found) < number:
            one, port = stack.enter_context(socket.socket()), secrets.randbelow(10_000) + 20_000
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
    return tuple(found)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
