"""A password that comes with the user it belongs to."""

from __future__ import annotations

from typing import Self


class UserSecret(str):
    """What `SecretSource.current` returns where the user is made together with the password (`vault-db:ROLE`).

    It is the password as any other secret is; `user` says whose. Whoever signs in takes both by `account_of`, so that a
    fixed account and one that changes with each lease look the same:

        secret = await connection.credential.current()
        user, password = account_of(connection.account, secret), str(secret)
    """

    __slots__ = ("user",)
    user: str

    def __new__(cls, user: str, password: str) -> Self:
        """Keep both; neither is shown by `repr`."""
        made = super().__new__(cls, password)
        made.user = user
        return made

    def __repr__(self) -> str:
        """Show that it is a secret and no more."""
        return "UserSecret(…)"


def account_of(account: str, secret: str) -> str:
    """Return who signs in with a secret: the user that came with it, else the configured account."""
    return secret.user if isinstance(secret, UserSecret) else account
