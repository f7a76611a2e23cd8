"""Stands in for a command: `start.py SOCKET SCRIPT ARGUMENTS...`, which hands its place to a fork of the parent.

Where SCRIPT is empty the command is that of the package. Signals go on to the fork, whose exit status becomes this
one's. Where this process is killed, so is the fork.
"""

import json
import os
import signal
import socket
import sys


def main() -> None:
    """Ask, wait, end as the fork has ended."""
    parent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent.connect(sys.argv[1])
    parent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    folder = os.getcwd()  # noqa: PTH109 - imports as little as it can
    asked = json.dumps([sys.argv[2:], folder, dict(os.environ)]).encode()
    socket.send_fds(parent, [asked], [0, 1, 2])
    pid = int(parent.recv(64))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: os.kill(pid, received))
    for descriptor in (0, 1, 2):  # whoever waits for their end waits for the fork alone
        os.close(descriptor)
    status = int(parent.recv(64) or -signal.SIGKILL)
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


main()
