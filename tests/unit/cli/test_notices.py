"""`erp-mcp notices`: an operator sees the ways by which people are told, and tries them before they are needed."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from tests.guarantees import guarantees


class Mailbox:
    """What a mail server was handed."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.messages.append(envelope.content)
        return "250 OK"


@contextmanager
def serving(box: Mailbox, port: int = 0) -> Iterator[int]:
    """Serve mail in a thread, since the command has a loop of its own; yield the port, a free one for 0."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    start = loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", port)
    server = asyncio.run_coroutine_threadsafe(start, loop).result(30)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(server.wait_closed(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    assert CliRunner().invoke(main, ["init", str(tmp_path / "d")]).exit_code == 0
    return tmp_path / "d" / "erp-mcp.yaml"


def configured(config: Path, port: int) -> None:
    """Let the deployment tell by mail, and by a webhook whose receiver is not there."""
    secret = config.parent / "hook"
    secret.write_text("http://127.0.0.1:9/in/secret-part\n", encoding="utf-8")
    secret.chmod(0o600)
    mail = f"{{host: 127.0.0.1, port: {port}, encryption: none, sender: g@p.example, operators: [ops@p.example]}}"
    hook = "{hook: {url: 'file:hook', shape: json}}"
    text = f"notices:\n  page: https://a.example\n  mail: {mail}\n  webhooks: {hook}\n"
    config.write_text(config.read_text(encoding="utf-8") + text, encoding="utf-8")


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["notices", *words, "--config", str(config)])


@guarantees("P3.notices", "cli.teaches")
def test_without_any_way_out_it_says_what_to_add(config: Path) -> None:
    """An empty answer would look as if all was well."""
    assert "add `notices:`" in run(config, "status").stdout
    assert "add `notices:`" in run(config, "test").stdout
    assert json.loads(run(config, "status", "--json").stdout) == []


@guarantees("P3.notices", "P8.secrets_stay")
def test_a_try_goes_out_for_real_and_says_which_way_does_not_work(config: Path) -> None:
    """A receiver that is gone is found on a quiet day, by its name and without its address."""
    box = Mailbox()
    with serving(box) as port:
        configured(config, port)
        tried = run(config, "test")
    assert tried.exit_code == 1
    assert "mail: sent" in tried.stdout
    assert "hook: not sent (adapter.unreachable)" in tried.stdout
    assert "secret-part" not in tried.output
    (message,) = box.messages
    assert b"A try: notices of this deployment arrive here" in message
    assert b"https://a.example" in message


@guarantees("P3.notices", "cli.teaches")
def test_status_names_each_way_and_a_channel_that_is_not_there_is_refused(config: Path) -> None:
    """What has never run is told apart from what has nothing to tell."""
    configured(config, 25)
    told = {one["channel"]: one for one in json.loads(run(config, "status", "--json").stdout)}
    assert set(told) == {"mail", "hook"}
    assert told["mail"]["events_behind"] is None
    assert "has not run yet" in run(config, "status").stdout
    wrong = run(config, "test", "--channel", "pigeon")
    assert wrong.exit_code != 0
    assert "mail, hook" in wrong.output
