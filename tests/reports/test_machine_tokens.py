"""What a token may be, and where it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from radraft.core.errors import TokenError
from radraft.reports.machine_tokens import (
    MOST_DAYS,
    PREFIX,
    MachineToken,
    TokenState,
    expiry,
    new_secret,
    terms_of,
)
from radraft.reports.roles import EVERY_SITE, Scope

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def token(*sites: str, revoked: bool = False) -> MachineToken:
    return MachineToken(
        "t-0123456789abcdef",
        "worklist wall",
        frozenset(sites),
        frozenset({Scope.READ}),
        made_by="管理员",
        made_at=NOW,
        expires_at=NOW + DAY,
        revoked_at=NOW if revoked else None,
    )


def refusal(
    name: str = "a program",
    sites: tuple[str, ...] = ("north",),
    scopes: tuple[str, ...] = ("read",),
    days: int = 30,
) -> str:
    with pytest.raises(TokenError) as refused:
        terms_of(name, sites, scopes, days)
    return refused.value.code


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "two\nlines", "hid\u200bden"])
def test_a_token_names_its_program(name: str) -> None:
    assert refusal(name=name) == "token_name_invalid"


@pytest.mark.parametrize(
    "sites", [(), ("",), ("x" * 65,), ("a\nb",), tuple(f"s{number}" for number in range(51))]
)
def test_a_token_names_its_sites(sites: tuple[str, ...]) -> None:
    assert refusal(sites=sites) == "token_sites_invalid"


@pytest.mark.parametrize("scopes", [(), ("sign",), ("read", "write"), ("READ",), ("",)])
def test_there_are_four_scopes_and_none_signs(scopes: tuple[str, ...]) -> None:
    assert refusal(scopes=scopes) == "token_scopes_invalid"
    assert set(Scope) == {"read", "intake", "export", "link"}


@pytest.mark.parametrize("days", [0, -1, MOST_DAYS + 1, 10**9])
def test_a_token_has_an_end_within_a_year(days: int) -> None:
    assert refusal(days=days) == "token_days_invalid"


def test_the_longest_token_is_one() -> None:
    terms = terms_of(" BI ", ["north", "south"], ["read", "export"], MOST_DAYS)
    assert (terms.name, terms.sites) == ("BI", {"north", "south"})
    assert expiry(terms, NOW) == NOW + MOST_DAYS * DAY


def test_a_token_ends_by_itself_and_when_it_is_revoked() -> None:
    assert token("north").state(NOW + DAY - timedelta(seconds=1)) is TokenState.USABLE
    assert token("north").state(NOW + DAY) is TokenState.EXPIRED
    assert token("north", revoked=True).state(NOW + 2 * DAY) is TokenState.REVOKED


def test_a_token_holds_at_its_sites() -> None:
    assert token("north", "south").holds_at("south")
    assert not token("north", "south").holds_at("west")
    assert token(EVERY_SITE).holds_at("west")


def test_secrets_are_long_differ_and_are_known_by_their_beginning() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    # 43 characters of base64 hold 256 bits.
    assert {len(secret) for secret in secrets} == {len(PREFIX) + 43}
    assert all(secret.startswith(PREFIX) for secret in secrets)
