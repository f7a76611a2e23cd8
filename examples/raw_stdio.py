"""The protocol without any SDK: the standard library is enough to ask the gateway a question.

    erp-mcp demo --prepare --dir DIR
    python examples/raw_stdio.py DIR find_order '{"reference": "0010000250"}'

One JSON object per line in, one per line out; requests carry an id, and answers carry it back. This is the stateless
revision 2026-07-28: no handshake, each request says what the client speaks.
"""

from __future__ import annotations

import json
import subprocess
import sys

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "raw-example", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def main(demo_dir: str, tool: str, arguments: str) -> int:
    """Ask one question, print the answer's text, and return the exit status."""
    params = {"_meta": META, "name": tool, "arguments": json.loads(arguments)}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    server = [sys.executable, "-m", "erp_mcp", "serve", "--demo-dir", demo_dir, "--as", "planner"]
    done = subprocess.run(server, input=json.dumps(request) + "\n", stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(done.stdout)
    if "error" in answer:
        print(f"{answer['error']['code']}: {answer['error']['message']}", file=sys.stderr)
        return 1
    print(answer["result"]["content"][0]["text"])
    return 1 if answer["result"]["isError"] else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
