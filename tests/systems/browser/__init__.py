"""Pages shown in a real headless browser, beside a host that speaks the protocol of MCP Apps."""
