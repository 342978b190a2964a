"""A hospital's OpenID provider in its file: what groups give, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.errors import SettingsError
from radraft.reports.openid import is_safe_url, load
from radraft.reports.roles import Membership, Role

WHOLE = """
issuer: https://login.hospital.example/realms/radiology
client_id: radraft
groups:
  放射科主治: [attending@north, resident@south]
  rad-it: ["administrator@*"]
  canteen: []
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "openid.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_groups_give_what_the_file_says_and_others_nothing(tmp_path: Path) -> None:
    rules = load(written(tmp_path, WHOLE))
    given = rules.roles_of(frozenset({"放射科主治", "rad-it", "canteen", "RAD-IT", "choir"}))
    assert given.memberships == {
        Membership("north", Role.ATTENDING),
        Membership("south", Role.RESIDENT),
        Membership("*", Role.ADMINISTRATOR),
    }
    assert given.unknown == ("RAD-IT", "choir")
    assert rules.roles_of(frozenset()).memberships == frozenset()


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", "file"),
        ("[", "file"),
        ("issuer: https://login.hospital.example\nclient_id: radraft", "groups"),
        (WHOLE.replace("https:", "http:"), "issuer"),
        (WHOLE.replace("radiology", "radiology?realm=1"), "issuer"),
        (WHOLE.replace("https://login.hospital.example", "login"), "issuer"),
        (WHOLE.replace("client_id: radraft", 'client_id: ""'), "client_id"),
        (WHOLE.replace("attending@north", "attending"), "groups"),
        (WHOLE.replace("attending@north", "boss@north"), "groups"),
        (WHOLE + "leeway_s: 300", "leeway_s"),
        (WHOLE + "scopes: [profile]", "scopes"),
        (WHOLE + "client_secret: not-here", "client_secret"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_mend(
    tmp_path: Path, text: str, fields: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, text))
    assert (refused.value.code, refused.value.details["fields"]) == ("openid_invalid", fields)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path / "nowhere.yaml")
    assert refused.value.code == "openid_invalid"


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.hospital.example/token", True),
        ("http://127.0.0.1:9000/token", True),
        ("http://[::1]:9000/token", True),
        ("http://login.hospital.example/token", False),
        ("http://127.0.0.1.example/token", False),
        ("http://user@login.example@127.0.0.2.example/", False),
        ("https://", False),
        ("https://[::1", False),
        ("ftp://127.0.0.1/", False),
        ("", False),
    ],
)
def test_secrets_go_over_https_or_nowhere_off_this_machine(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe
