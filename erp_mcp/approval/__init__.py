"""Who else must say yes: signed decisions of enrolled people, bound to everything that they were shown."""
