"""Settings that cannot work are refused by name."""

from __future__ import annotations

import pytest

from radraft.core import settings
from radraft.core.errors import SettingsError
from radraft.core.networks import is_loopback
from radraft.pipeline.intake import wanted


def test_defaults_listen_on_loopback() -> None:
    assert is_loopback(settings.load().host)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RADRAFT_HOST", "0.0.0.0"),
        ("RADRAFT_LLM_URL", "file:///etc/passwd"),
        ("RADRAFT_VIEWER_URL", "https://pacs.example/view"),
        ("RADRAFT_VIEWER_URL", "https://pacs.example/?who={patient_id}"),
        ("RADRAFT_VIEWER_URL", "https://pacs.example/?who={accession!r}"),
        ("RADRAFT_VIEWER_URL", "https://pacs.example/?who={accession"),
        ("RADRAFT_VIEWER_URL", "https://{accession}.example/"),
        ("RADRAFT_VIEWER_URL", "javascript:alert({accession})"),
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


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """The code with which settings are refused; both languages say which variable to set."""
    for name, value in variables.items():
        monkeypatch.setenv(f"RADRAFT_{name.upper()}", value)
    with pytest.raises(SettingsError) as caught:
        settings.load()
    for sentence in (caught.value.message_zh, caught.value.message_en):
        assert "RADRAFT_" in sentence
        assert not any(value in sentence for value in variables.values())
    return caught.value.code


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "192.168.1.1"])
def test_a_network_address_without_tls_or_proxy_is_refused(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    assert refused(monkeypatch, host=host, hosts="radraft.example") == "host_unprotected"


@pytest.mark.parametrize(
    "guard", [{"tls_cert": "/srv/radraft.pem", "host": "10.1.2.3"}, {"proxies": "10.1.2.9"}]
)
def test_a_reachable_workstation_without_a_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, guard: dict[str, str]
) -> None:
    assert refused(monkeypatch, **guard) == "hosts_missing"


@pytest.mark.parametrize(
    "everybody", ["0.0.0.0/0", "10.1.2.9, ::/0", "0.0.0.0/1, 128.0.0.0/1", "::/1,8000::/1"]
)
def test_a_proxy_that_is_everybody_is_refused(
    monkeypatch: pytest.MonkeyPatch, everybody: str
) -> None:
    code = refused(monkeypatch, hosts="radraft.example", proxies=everybody)
    assert code == "proxies_everybody"


@pytest.mark.parametrize(
    "wide",
    [
        "0.0.0.0/1",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "10.1.0.0/16, 10.0.0.0/16",
        "203.0.113.0/23",
        "126.0.0.0/8, 127.0.0.0/8",
        "10.1.2.9, fd00::/48",
        "2001:db8::/32",
    ],
)
def test_a_network_in_which_others_than_proxies_stand_is_refused(
    monkeypatch: pytest.MonkeyPatch, wide: str
) -> None:
    assert refused(monkeypatch, hosts="radraft.example", proxies=wide) == "proxies_too_wide"


@pytest.mark.parametrize(
    "narrow", ["10.1.2.9", "172.17.0.0/16", "127.0.0.0/8", "192.0.2.0/24, fd00:1:2:3::/64"]
)
def test_proxies_of_a_narrow_network_are_taken(
    monkeypatch: pytest.MonkeyPatch, narrow: str
) -> None:
    monkeypatch.setenv("RADRAFT_HOSTS", "radraft.example")
    monkeypatch.setenv("RADRAFT_PROXIES", narrow)
    assert len(settings.load().proxies) == narrow.count(",") + 1


def test_every_address_of_this_machine_needs_neither_certificate_nor_peers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RADRAFT_HOST", "127.0.0.2")
    monkeypatch.setenv("RADRAFT_DICOM_HOST", "127.0.0.2")
    monkeypatch.setenv("RADRAFT_DICOM_PORT", "11112")
    loaded = settings.load()
    assert loaded.url == "http://127.0.0.2:7860"
    assert wanted(loaded)


def test_a_key_without_a_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(monkeypatch, tls_key="/srv/radraft.key") == "tls_cert_missing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RADRAFT_HOST", "radraft.example"),
        ("RADRAFT_HOSTS", "radraft.example/path"),
        ("RADRAFT_HOSTS", "https://radraft.example"),
        ("RADRAFT_HOSTS", "radraft.example:443"),
        ("RADRAFT_HOSTS", "*"),
        ("RADRAFT_PROXIES", "proxy.example"),
        ("RADRAFT_PROXIES", "10.1.2.9/40"),
        ("RADRAFT_METRICS_FROM", "everybody"),
        ("RADRAFT_METRICS_TOKEN", "short"),
        ("RADRAFT_LOG_FORMAT", "xml"),
        ("RADRAFT_LOG_TO", "printer"),
        ("RADRAFT_PORT", "70000"),
    ],
)
def test_a_malformed_network_setting_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}. ") as caught:
        settings.load()
    assert caught.value.code == "settings_invalid"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://127.0.0.1:7860"),
        ({"host": "::1"}, "http://[::1]:7860"),
        ({"proxies": "127.0.0.1", "hosts": "radraft.example"}, "https://radraft.example"),
        (
            {"host": "10.1.2.3", "hosts": "10.1.2.3, radraft.example", "tls_cert": "/srv/own.pem"},
            "https://10.1.2.3:7860",
        ),
        (
            {"host": "::", "hosts": "[2001:DB8::1]", "tls_cert": "/srv/own.pem", "port": "443"},
            "https://[2001:db8::1]",
        ),
    ],
)
def test_links_name_the_address_that_browsers_use(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"RADRAFT_{name.upper()}", value)
    assert settings.load().url == url
