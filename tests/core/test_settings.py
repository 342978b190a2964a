"""Settings that cannot work are refused by name."""

from __future__ import annotations

import pytest

from radraft.core import settings
from radraft.core.errors import SettingsError


def test_defaults_listen_on_loopback() -> None:
    assert settings.load().host in settings.LOOPBACK


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RADRAFT_HOST", "0.0.0.0"),
        ("RADRAFT_LLM_URL", "file:///etc/passwd"),
        ("RADRAFT_PORT", "many"),
    ],
)
def test_a_bad_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as caught:
        settings.load()
    assert value not in str(caught.value)


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADRAFT_LLM_KEY", "very-secret")
    assert "very-secret" not in repr(settings.load())
