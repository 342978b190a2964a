"""`radraft starter build`: of which edition."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.llm import checkpoint, pins
from tests.cli.test_commands import answer, radraft


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which both are built."""
    for edition in (1, 2):
        checkpoint.folder(tmp_path / "cache", edition).mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("RADRAFT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("RADRAFT_PROFILE", raising=False)
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("profile", "arguments", "edition"),
    [
        (None, (), 1),
        ("starter2", (), 2),
        ("starter2", ("--edition", "1"), 1),
        ("starter", ("--edition", "2"), 2),
        ("qwen3-vl-8b-instruct", (), 1),
    ],
)
def test_it_builds_what_the_profile_or_the_option_names(
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    profile: str | None,
    arguments: tuple[str, ...],
    edition: int,
) -> None:
    if profile is not None:
        monkeypatch.setenv("RADRAFT_PROFILE", profile)
    found = answer(tmp_path, "starter", "build", *arguments)
    files = pins.files(1 if edition == 1 else 2)
    assert found == {
        "encoder": str(files["encoder"]),
        "heads": str(files["heads"]),
        "projector": str(files["projector"]),
        "checkpoint": str(checkpoint.folder(cache, 1 if edition == 1 else 2)),
    }


def test_an_edition_that_there_is_not_is_refused(cache: Path, tmp_path: Path) -> None:
    for number in ("0", "3", "two"):
        assert radraft(tmp_path, "starter", "build", "--edition", number).returncode == 2
