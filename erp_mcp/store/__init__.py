"""Our own durable state: the read model, and the state of the gateway itself."""
