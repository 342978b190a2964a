"""What is kept of a password: the product's own parameters, which other tests do without."""

from __future__ import annotations

import pytest

from radraft.core import passwords
from tests import quick_passwords

PASSWORD = "two films before tea"
FULL = "$argon2id$v=19$m=65536,t=3,p=4$"
"""What pwdlib's authors advise."""


@pytest.fixture(autouse=True)
def full_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", quick_passwords.full)


def test_a_password_is_hashed_with_the_work_that_its_library_advises() -> None:
    kept = passwords.hashed(PASSWORD)
    assert kept.startswith(FULL)
    assert passwords.matches(PASSWORD, kept) == (True, None)
    assert passwords.hashed(PASSWORD) != kept


def test_a_hash_of_less_work_is_made_anew_for_who_knows_the_password() -> None:
    kept = quick_passwords.least().hash(PASSWORD)
    same, anew = passwords.matches(PASSWORD, kept)
    assert same
    assert anew is not None and anew.startswith(FULL)


def test_after_a_wrong_password_no_hash_begins_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "_turns", passwords._Turns(passwords.AT_ONCE))
    # Many times as long as the hash took, so that it is not over before it is looked at.
    monkeypatch.setattr(passwords, "REST", 1e6)
    kept = passwords.hashed(PASSWORD)
    assert passwords.matches(PASSWORD, kept) == (True, None)
    assert passwords.resting() == 0
    assert passwords.matches("another", kept) == (False, None)
    assert passwords.resting() > 0
