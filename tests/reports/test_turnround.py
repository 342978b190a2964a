"""Turn-round limits: presets, a site's own, and where a study stands against them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from radraft.core.errors import SettingsError
from radraft.reports import turnround
from radraft.reports.turnround import Limit, Standing
from radraft.studies.values import StudyPriority

CAME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("modality", "minutes"),
    [("CR", 30), ("DX", 30), ("DR", 30), ("CT", 60), ("MR", 60), ("US", 120), ("", 120)],
)
def test_presets_of_emergencies(modality: str, minutes: int) -> None:
    limits = turnround.load(None)
    for priority in (StudyPriority.STAT, StudyPriority.EMERGENCY):
        assert limits.limit(modality, priority).minutes == minutes


@pytest.mark.parametrize("priority", sorted(set(StudyPriority) - turnround.EMERGENCY))
def test_what_is_no_emergency_has_the_sites_default(priority: StudyPriority) -> None:
    assert turnround.load(None).limit("DX", priority).minutes == 1440


@pytest.mark.parametrize(
    ("waited", "standing"),
    [
        (-5, Standing.WITHIN),
        (0, Standing.WITHIN),
        (22, Standing.WITHIN),
        (23, Standing.NEAR),
        (29, Standing.NEAR),
        (30, Standing.OVER),
        (5000, Standing.OVER),
    ],
)
def test_near_and_over_begin_with_the_minute(waited: int, standing: Standing) -> None:
    limit = Limit(near=timedelta(minutes=23), over=timedelta(minutes=30))
    assert limit.standing(CAME, CAME + timedelta(minutes=waited)) is standing


def test_a_sites_own_limits(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "near_share: 0.5\nemergency: {CT: 20, other: 40}\ndefault: {MG: 90, other: 600}"
    )
    limits = turnround.load(path)
    assert limits.limit("CT", StudyPriority.STAT) == Limit(
        timedelta(minutes=10), timedelta(minutes=20)
    )
    assert limits.limit("MG", StudyPriority.UNKNOWN).minutes == 90
    named, other = limits.named(emergency=False)
    assert ({code: limit.minutes for code, limit in named.items()}, other.minutes) == (
        {"MG": 90},
        600,
    )


@pytest.mark.parametrize(
    "text",
    [
        "near_share: 0.5",
        "near_share: 1\nemergency: {other: 1}\ndefault: {other: 1}",
        "near_share: 0.5\nemergency: {CT: 5}\ndefault: {other: 1}",
        "near_share: 0.5\nemergency: {other: 0}\ndefault: {other: 1}",
        "near_share: 0.5\nemergency: {other: 1}\ndefault: {other: 1}\nnight: {other: 1}",
        "[",
    ],
)
def test_limits_that_cannot_be_used_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        turnround.load(path)
    assert error.value.code == "turnround_invalid"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        turnround.load(tmp_path / "none.yaml")
