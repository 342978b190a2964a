"""Texts that the database keeps and cannot read."""

from __future__ import annotations

import pytest

from radraft.core.sealed import key_of, seal, unseal

KEY = key_of(b"s" * 32, b"label")


def test_what_was_sealed_is_opened_for_its_owner_alone() -> None:
    sealed = seal(KEY, "JBSWY3DPEHPK3PXP", "a-1")
    assert unseal(KEY, sealed, "a-1") == "JBSWY3DPEHPK3PXP"
    assert "JBSWY3DP" not in sealed
    for key, owner in ((KEY, "a-2"), (key_of(b"t" * 32, b"label"), "a-1")):
        with pytest.raises(ValueError, match="another key"):
            unseal(key, sealed, owner)


def test_the_same_text_is_never_sealed_alike() -> None:
    assert len({seal(KEY, "x", "a-1") for _ in range(50)}) == 50


@pytest.mark.parametrize("sealed", ["", "AAAA", "A" * 80, "no base64 !"])
def test_what_nobody_sealed_is_not_opened(sealed: str) -> None:
    with pytest.raises(ValueError):
        unseal(KEY, sealed, "a-1")


def test_each_purpose_has_a_key_of_its_own() -> None:
    assert key_of(b"s" * 32, b"other") != KEY
    assert len(KEY) == 32
