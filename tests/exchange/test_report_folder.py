"""A file in a receiver's folder is whole, and there once."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.exchange import report_folder
from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_report_is_there_once(tmp_path: Path) -> None:
    report_folder.put(b"first", "c-1-v1.txt", tmp_path)
    report_folder.put(b"first", "c-1-v1.txt", tmp_path)
    assert files(tmp_path) == {"c-1-v1.txt": b"first"}


def test_what_a_kill_left_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / report_folder.BEGUN).mkdir()
    (tmp_path / report_folder.BEGUN / "c-1-v1.txt.0123abcd").write_bytes(b"fi")
    (tmp_path / report_folder.BEGUN / "c-2-v1.txt.0123abcd").write_bytes(b"of another")
    report_folder.put(b"first", "c-1-v1.txt", tmp_path)
    assert files(tmp_path) == {"c-1-v1.txt": b"first", "c-2-v1.txt.0123abcd": b"of another"}


def test_a_folder_that_is_gone_is_away(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as refused:
        report_folder.put(b"first", "c-1-v1.txt", tmp_path / "none")
    assert (refused.value.code, refused.value.kind) == (
        "delivery_folder_unusable", FailureKind.AWAY,
    )  # fmt: skip
