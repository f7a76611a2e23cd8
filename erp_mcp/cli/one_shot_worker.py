"""A worker for what is due now, started beside a command and waited for a while."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import Final

import click

from erp_mcp.answers.visible import visible
from erp_mcp.bootstrap import Deployment

WAIT_S: Final = 60  # the worker goes on beyond
_MAX_TOLD: Final = 500


def run(deployment: Deployment) -> None:
    """Let a worker do what is due; whether it is killed or not, the next one goes on where it stopped."""
    words = [sys.executable, "-P", "-m", "erp_mcp", "worker", "--once", "--config", str(deployment.settings.file)]
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(  # noqa: S603 - our own program; in a session of its own, Ctrl-C here is not for it
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
        )
        try:
            status = child.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            click.secho("The worker is still at it.", fg="yellow", err=True)
            return
        if status:
            said.seek(0)
            told = visible(said.read().decode("utf-8", "replace").strip().rpartition("\n")[2])
            click.secho(f"The worker ended with status {status}: {told[:_MAX_TOLD]}", fg="red", err=True)
