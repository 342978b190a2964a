"""What the settings say of the institutions that reports are of."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.errors import SettingsError
from radraft.core.settings import Settings
from radraft.pipeline.institutions import institution
from radraft.reports.export.values import Institution


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "institutions.yaml"
    file.write_text(text, encoding="utf-8")
    return Settings(data_dir=tmp_path, institutions=file)


def test_a_site_has_the_names_that_the_settings_give_it(tmp_path: Path) -> None:
    given = settings(
        tmp_path,
        "north:\n  name_zh: 北院\n  department_en: Radiology\n  oid: 1.2.156.99999.1\n"
        "  time_zone: Asia/Shanghai\n",
    )
    assert institution(given, "north") == Institution(
        "north", name_zh="北院", department_en="Radiology", oid="1.2.156.99999.1",
        time_zone="Asia/Shanghai",
    )  # fmt: skip
    assert institution(given, "south") == Institution("south")
    assert institution(Settings(data_dir=tmp_path), "north") == Institution("north")


@pytest.mark.parametrize(
    "text",
    [
        "north: {name: 北院}",
        "north: {oid: 1.2.3}\nsouth: {oid: 1.2.3}",
        "north: {oid: 1.02.3}",
        "north: {time_zone: Asia/Nowhere}",
        "north: {time_zone: ../../etc/passwd}",
        "north: 北院",
        "[]",
        "north: {name_zh: [",
    ],
)
def test_a_file_that_cannot_be_used_is_a_code(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        institution(settings(tmp_path, text), "north")
    assert caught.value.code == "institutions_invalid"


def test_a_file_with_one_oid_for_two_sites_says_so(tmp_path: Path) -> None:
    """Else they would share a receiver's patients: a number is one patient's under its OID."""
    with pytest.raises(SettingsError) as caught:
        institution(settings(tmp_path, "north: {oid: 1.2.3}\nsouth: {oid: 1.2.3}"), "north")
    assert "OID" in caught.value.message_zh
    assert "same OID" in caught.value.message_en


def test_sites_without_an_oid_are_no_two_of_the_same(tmp_path: Path) -> None:
    given = settings(tmp_path, "north: {name_zh: 北院}\nsouth: {name_zh: 南院}")
    assert institution(given, "south").name_zh == "南院"


def test_a_file_that_is_not_there_is_a_code(tmp_path: Path) -> None:
    missing = Settings(data_dir=tmp_path, institutions=tmp_path / "none.yaml")
    with pytest.raises(SettingsError) as caught:
        institution(missing, "north")
    assert caught.value.code == "institutions_invalid"
