"""MCP towards agents: the stdio transport, both protocol eras, and the one module that knows the SDK.

`start` answers the first message through `first_answer` before anything heavy is imported; `stdio` then reads, checks
and writes messages; `sdk` gives them the protocol's meaning; `handlers` turns that into calls of the gateway.
"""
