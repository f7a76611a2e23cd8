"""Identities that show one secret: what each request bears, and what a refusal means."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from erp_mcp.credentials import Identity, UserSecret
from erp_mcp.credentials.identities import SignIn, identity_of
from erp_mcp.credentials.settings import AuthKind, AuthSettings
from erp_mcp.errors import ConfigurationError, SystemRefusedError
from tests.guarantees import guarantees
from tests.moments import Ticks, still
from tests.unit.credentials.service import Kept


def identity(
    kind: AuthKind, secret: Kept | None, *, ticks: Ticks | None = None, header: str = "", prefix: str = ""
) -> Identity:
    """Return an identity of a kind."""
    auth = AuthSettings(kind=kind, header=header, prefix=prefix)
    told = SignIn(system="erp", account="reader", auth=auth, secret=secret, now=lambda: 0)
    return identity_of(told, still(ticks or Ticks()))


@guarantees("identity.as_told")
@pytest.mark.parametrize(
    ("kind", "more", "borne"),
    [
        ("none", {}, {}),
        ("basic", {}, {"Authorization": "Basic " + base64.b64encode("reader:s€cret".encode()).decode()}),
        ("bearer", {}, {"Authorization": "Bearer abc"}),
        ("api_key", {"header": "X-API-Key"}, {"X-API-Key": "abc"}),
        ("api_key", {"prefix": "token "}, {"Authorization": "token abc"}),
        ("api_key", {"header": "Ocp-Key", "prefix": "k="}, {"Ocp-Key": "k=abc"}),
    ],
)
async def test_each_kind_bears_its_header(kind: AuthKind, more: Mapping[str, str], borne: Mapping[str, str]) -> None:
    """Header name and prefix are the configuration's, since every product has its own."""
    secret = Kept("s€cret" if kind == "basic" else "abc")

    assert await identity(kind, secret, header=more.get("header", ""), prefix=more.get("prefix", "")).headers() == borne


@guarantees("identity.as_told")
async def test_a_user_made_by_the_vault_signs_in_under_its_own_name() -> None:
    """The configured account is that of no lease."""
    borne = await identity("basic", Kept(UserSecret("v-1", "pw"))).headers()

    assert base64.b64decode(borne["Authorization"].removeprefix("Basic ")) == b"v-1:pw"


@guarantees("identity.as_told")
async def test_without_a_kind_an_account_signs_in_with_its_password_and_nobody_with_nothing() -> None:
    """What systems of these kinds do where the configuration says no more."""
    told = SignIn(system="erp", account="reader", secret=Kept("pw"), now=lambda: 0)
    assert (await identity_of(told).headers())["Authorization"].startswith("Basic ")
    assert await identity_of(SignIn(system="erp", account="", now=lambda: 0)).headers() == {}


@guarantees("input.clear_errors")
def test_a_kind_without_its_secret_is_refused_when_the_system_is_opened() -> None:
    """Not at the first request, in the middle of a synchronisation."""
    with pytest.raises(ConfigurationError) as refused:
        identity("bearer", None)

    assert refused.value.facts["key"] == "systems.erp.secret"


@guarantees("P8.secrets_stay")
async def test_a_secret_that_would_split_a_header_is_refused_unseen() -> None:
    """A line break in a key would let its rest be headers of its own."""
    with pytest.raises(ConfigurationError) as refused:
        await identity("bearer", Kept("canary\r\nX-Admin: yes")).headers()

    assert "canary" not in str(refused.value)


@guarantees("P10.rotation")
async def test_a_changed_secret_is_borne_after_a_refusal() -> None:
    """The source is asked again, and the request may be repeated with what it has then."""
    source = Kept("first")
    one = identity("bearer", source)
    refused = await one.headers()
    source.secret = "second"

    assert await one.after_refusal(refused)
    assert await one.headers() == {"Authorization": "Bearer second"}


@guarantees("P9.one_sign_in")
async def test_a_secret_refused_three_times_is_not_shown_until_it_changes_or_time_has_passed() -> None:
    """Most systems lock an account at five wrong passwords; a gateway that goes on asking locks everybody out."""
    ticks, source = Ticks(), Kept("wrong")
    one = identity("basic", source, ticks=ticks)
    for _ in range(3):
        assert not await one.after_refusal(await one.headers())

    with pytest.raises(SystemRefusedError) as held:
        await one.headers()
    assert held.value.facts == {"system": "erp", "reason": "sign-in"}
    ticks.now += 151
    shown = await one.headers()
    for _ in range(3):
        assert not await one.after_refusal(shown)
    source.secret = "right"
    assert await one.headers() != shown


@guarantees("P9.one_sign_in")
async def test_refusals_far_apart_do_not_add_up() -> None:
    """A record that this account may not see answers 401 at some systems; that is no wrong password."""
    ticks = Ticks()
    one = identity("basic", Kept("right"), ticks=ticks)

    for _ in range(10):
        assert not await one.after_refusal(await one.headers())
        ticks.now += 200


@guarantees("identity.as_told")
async def test_header_names_are_compared_as_headers_are() -> None:
    """What was sent comes back in whatever case the transport keeps."""
    source = Kept("first")
    one = identity("api_key", source, header="X-Api-Key")

    assert not await one.after_refusal({"x-api-key": "first"})
    source.secret = "second"
    assert await one.after_refusal({"x-api-key": "first"})
