"""Codes of the moment and recovery codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from radraft.reports.second_factor import (
    RECOVERY_CODES,
    SEARCHED,
    STEP,
    enrolment,
    is_code,
    is_recovery_code,
    match,
    new_recovery_codes,
    new_secret,
    typed,
)

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""Of RFC 6238, appendix B: the ASCII digits 1 to 0, twice."""
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}
"""Its last six digits of SHA-1."""


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    found = match(SECRET, code, datetime.fromtimestamp(seconds, UTC))
    assert found is not None
    assert (found.step, found.off, found.taken) == (seconds // 30, 0, True)


@pytest.mark.parametrize(
    ("off", "taken"), [(-SEARCHED, False), (-2, False), (-1, True), (1, True), (2, False)]
)
def test_a_code_counts_one_step_around_and_is_known_ten_minutes_around(
    off: int, taken: bool
) -> None:
    now = datetime.fromtimestamp(1234567890, UTC)
    found = match(SECRET, "005924", now - off * STEP)
    assert found is not None
    assert (found.off, found.taken) == (off, taken)


def test_a_code_of_an_hour_ago_is_known_as_nothing() -> None:
    later = datetime.fromtimestamp(1234567890, UTC) + timedelta(hours=1)
    assert match(SECRET, "005924", later) is None


def test_codes_are_read_however_they_are_typed() -> None:
    assert typed(" 123 456 ") == "123456"
    assert typed("018018") == "018018"
    assert typed("0a1b-8efg-hijk-lmn2") == "OAIBBEFGHIJKLMN2"
    assert typed("abcd-efgh ijkl-mn23") == "ABCDEFGHIJKLMN23"
    assert is_code("123456") and not is_code("12345") and not is_code("１２３４５６")
    assert is_recovery_code("ABCDEFGHIJKLMN23") and not is_recovery_code("ABCDEFGHIJKLMN21")


def test_recovery_codes_differ_and_can_be_typed_in() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    assert all(is_recovery_code(typed(code)) for code in codes)
    assert set(codes).isdisjoint(new_recovery_codes())


def test_a_telephone_is_told_whose_codes_it_shows() -> None:
    secret = new_secret()
    # 160 bits (RFC 4226, 4).
    assert len(secret) == 32
    address = urlsplit(enrolment(secret, "lin", "北院").uri)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/radraft 北院:lin"
    assert parse_qs(address.query)["secret"] == [secret]
