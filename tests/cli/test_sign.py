"""`radraft sign` over a report that the image does not support in every sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.store.database import open_store
from tests.builders import add_drafted
from tests.cli.test_commands import answer

pytestmark = pytest.mark.slow


def test_what_the_image_does_not_support_is_kept_only_on_demand(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = open_store(Settings(data_dir=data))
    with store.begin() as session:
        case_id = add_drafted(session, least_support=2.0)
    store.close()
    refused = answer(data, "sign", case_id, "--author", "A", code=1)
    assert refused["error"]["code"] == "sentence_not_supported"
    shown = answer(data, "show", case_id)
    assert [one["sentence_id"] for one in shown["issues"]] == ["f1", "f2", "f3"]
    signed = answer(data, "sign", case_id, "--author", "A", "--keep")
    assert [one["kept"] for one in signed["report"]["findings"]] == [True] * 3
    assert [one["kept"] for one in signed["report"]["impression"]] == [False]
