"""Tells people by mail and by webhook that a proposal waits for them. Nothing here, nor in what is sent, decides.

`composing` makes a notice of an event, `following` sends those that are new, `mail` and `webhook` are the ways out.
"""
