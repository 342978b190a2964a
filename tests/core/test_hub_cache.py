"""What was downloaded from a hub is found where it lies, and nothing is asked of a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core import hub_cache

pytestmark = pytest.mark.slow

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as the hub's own client lays it out, and no network that would answer."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    model = tmp_path / "models--some--model"
    (model / "snapshots" / COMMIT).mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    (model / "snapshots" / COMMIT / "config.json").write_text("{}")
    return model / "snapshots" / COMMIT


def test_a_commit_and_a_branch_lead_to_the_same_folder(cache: Path) -> None:
    assert hub_cache.snapshot("some/model", COMMIT) == cache
    assert hub_cache.snapshot("some/model") == cache
    assert hub_cache.snapshot("some/model", "main") == cache


def test_what_was_not_downloaded_is_none(cache: Path) -> None:
    assert hub_cache.snapshot("some/model", "f" * 40) is None
    assert hub_cache.snapshot("other/model", COMMIT) is None
    assert hub_cache.snapshot("some/model", "v1") is None
