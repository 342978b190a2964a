"""Through whom a request may come, whose word about it is believed, and under which name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from radraft.core.settings import Settings
from radraft.ui.security import Guard

NAME = "radraft.hospital.example"
PROXY, OTHER_PROXY, STRANGER = "10.0.0.5", "10.0.1.7", "10.0.0.99"
DESK = "192.0.2.77"
WORD = {"X-Forwarded-For": DESK, "X-Forwarded-Proto": "https", "X-Forwarded-Host": NAME}
FORGED = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=127.0.0.1;host=evil.example;proto=https",
    "X-Real-IP": "127.0.0.1",
    "X-Gradio-Server": "http://evil.example",
}
PROXIED = Settings(host="10.0.0.1", hosts=NAME, proxies=f"{PROXY},10.0.1.0/28")
OWN_TLS = Settings(
    host="10.0.0.1",
    hosts=f"{NAME},10.0.0.1",
    tls_cert=Path("certificate.pem"),
)
LOCAL = Settings()


async def shown(scope: Scope, receive: Receive, send: Send) -> None:
    """What comes through: the request as the application has it."""
    request = {
        "client": scope["client"][0],
        "scheme": scope["scheme"],
        "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
    }
    await JSONResponse(request)(scope, receive, send)


def ask(
    settings: Settings,
    peer: str,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    *,
    path: str = "/ui/base.css",
    url: str = f"http://{NAME}",
) -> Any:
    """The answer to a request that comes from the address `peer`."""
    client = TestClient(Guard(shown, settings), base_url=url, client=(peer, 40_000))
    return client.get(path, headers=headers)


def refusal(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal, which says in both languages what to do."""
    error = answer.json()["error"]
    assert error["message_zh"]
    assert error["message_en"].isascii()
    return answer.status_code, error["code"]


def test_a_named_proxy_says_who_asks_how_and_for_which_name() -> None:
    request = ask(PROXIED, PROXY, WORD, url="http://127.0.0.1:7860").json()
    assert (request["client"], request["scheme"]) == (DESK, "https")
    assert request["headers"]["host"] == NAME


def test_without_a_forwarded_name_the_one_asked_for_counts() -> None:
    word = {name: value for name, value in WORD.items() if name != "X-Forwarded-Host"}
    assert ask(PROXIED, PROXY, word).json()["headers"]["host"] == NAME
    answer = ask(PROXIED, PROXY, word, url="http://evil.example")
    assert refusal(answer) == (421, "host_refused")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (f"127.0.0.1, 203.0.113.9, {DESK}", DESK),
        (f"{PROXY}, {DESK}, {OTHER_PROXY}", DESK),
        (f"evil, {DESK}:50123, {OTHER_PROXY}", DESK),
        (f"::ffff:{DESK}", DESK),
        ("[2001:db8::7]:443", "2001:db8::7"),
        (f"{OTHER_PROXY}", OTHER_PROXY),
    ],
)
def test_what_a_browser_claims_of_its_address_is_passed_over(chain: str, client: str) -> None:
    request = ask(PROXIED, PROXY, WORD | {"X-Forwarded-For": chain}).json()
    assert request["client"] == client


def test_a_header_sent_twice_is_read_whole() -> None:
    twice = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", DESK)]
    word = [*twice, ("X-Forwarded-Proto", "https")]
    assert ask(PROXIED, PROXY, word).json()["client"] == DESK


@pytest.mark.parametrize(
    ("forged", "status", "code"),
    [
        ({"X-Forwarded-For": "localhost"}, 400, "forwarded_invalid"),
        ({"X-Forwarded-For": ""}, 400, "forwarded_invalid"),
        ({"X-Forwarded-For": f"{DESK}, unknown"}, 400, "forwarded_invalid"),
        ({"X-Forwarded-For": ", ".join([OTHER_PROXY] * 30)}, 400, "forwarded_invalid"),
        ({"X-Forwarded-Proto": "https, http"}, 400, "forwarded_invalid"),
        ({"X-Forwarded-Proto": "wss"}, 400, "forwarded_invalid"),
        ({"X-Forwarded-Proto": "http"}, 403, "proxy_without_tls"),
        ({"X-Forwarded-Host": f"{NAME}, evil.example"}, 400, "forwarded_invalid"),
        ({"X-Forwarded-Host": f"evil.example@{NAME}"}, 400, "forwarded_invalid"),
        ({"X-Forwarded-Host": "evil.example"}, 421, "host_refused"),
        ({"X-Forwarded-Host": "127.0.0.1"}, 421, "host_refused"),
    ],
)
def test_a_proxy_that_forges_or_forgets_is_refused(
    forged: dict[str, str], status: int, code: str
) -> None:
    assert refusal(ask(PROXIED, PROXY, WORD | forged)) == (status, code)


def test_a_proxy_that_does_not_say_who_asks_is_refused() -> None:
    for missing in ("X-Forwarded-For", "X-Forwarded-Proto"):
        word = {name: value for name, value in WORD.items() if name != missing}
        assert refusal(ask(PROXIED, PROXY, word)) == (400, "forwarded_missing")
    assert refusal(ask(PROXIED, PROXY)) == (400, "forwarded_missing")


@pytest.mark.parametrize("headers", [{}, WORD, FORGED])
def test_where_only_proxies_may_come_nobody_else_does(headers: dict[str, str]) -> None:
    assert refusal(ask(PROXIED, STRANGER, headers)) == (403, "proxy_only")
    assert refusal(ask(PROXIED, "10.0.1.16", headers)) == (403, "proxy_only")


def test_a_strangers_forwarded_headers_are_ignored_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "radraft.ui"):
        request = ask(OWN_TLS, STRANGER, FORGED, url=f"https://{NAME}").json()
    assert (request["client"], request["scheme"]) == (STRANGER, "https")
    assert request["headers"]["host"] == NAME
    assert not {name.lower() for name in FORGED} & set(request["headers"])
    (line,) = caplog.messages
    assert line.startswith("forwarded_ignored: ")
    assert STRANGER in line


def test_on_loopback_nobody_is_believed_either(caplog: pytest.LogCaptureFixture) -> None:
    request = ask(LOCAL, "127.0.0.1", FORGED, url="http://127.0.0.1:7860").json()
    assert (request["client"], request["scheme"]) == ("127.0.0.1", "http")
    assert request["headers"]["host"] == "127.0.0.1:7860"
    assert not {name.lower() for name in FORGED} & set(request["headers"])
    assert "forwarded_ignored" in caplog.text


def test_loopbacks_names_are_this_machines_alone() -> None:
    for name in ("127.0.0.1", "localhost", "[::1]"):
        answer = ask(OWN_TLS, STRANGER, url=f"https://{name}")
        assert refusal(answer) == (421, "host_refused")
        assert ask(OWN_TLS, "127.0.0.1", url=f"https://{name}").status_code == 200
        word = WORD | {"X-Forwarded-Host": name}
        assert refusal(ask(PROXIED, PROXY, word)) == (421, "host_refused")


@pytest.mark.parametrize(
    ("settings", "peer"), [(OWN_TLS, STRANGER), (OWN_TLS, "127.0.0.1"), (LOCAL, "127.0.0.1")]
)
@pytest.mark.parametrize("name", ["evil.example", f"{NAME}.evil.example", "10.0.0.2"])
def test_a_name_that_is_not_listed_is_refused(settings: Settings, peer: str, name: str) -> None:
    assert refusal(ask(settings, peer, url=f"https://{name}")) == (421, "host_refused")


@pytest.mark.parametrize("name", [NAME, NAME.upper(), f"{NAME}:8443", "10.0.0.1"])
def test_a_listed_name_is_served(name: str) -> None:
    assert ask(OWN_TLS, STRANGER, url=f"https://{name}").status_code == 200


def test_health_is_asked_on_the_machine_without_a_proxy() -> None:
    own = "http://127.0.0.1:7860"
    assert ask(PROXIED, "127.0.0.1", path="/health/live", url=own).status_code == 200
    assert refusal(ask(PROXIED, "127.0.0.1", url=own)) == (403, "proxy_only")
    answer = ask(PROXIED, STRANGER, path="/health/live", url=own)
    assert refusal(answer) == (403, "proxy_only")


def test_browsers_are_held_to_https_once_they_came_by_it() -> None:
    proxied = ask(PROXIED, PROXY, WORD)
    assert "max-age" in proxied.headers["Strict-Transport-Security"]
    local = ask(LOCAL, "127.0.0.1", url="http://127.0.0.1:7860")
    assert "Strict-Transport-Security" not in local.headers
