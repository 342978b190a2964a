"""Reports on open pages are read before they are asked about, once a version."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from radraft.llm.sentences import SentenceEncoder
from radraft.pipeline import opened_reports
from radraft.pipeline.opened_reports import OpenedReports
from radraft.store.database import Store
from radraft.store.signatures import sign
from tests.builders import add_case, person
from tests.ui import seed


class Counting:
    """A sentence model at the package's edge: counts what it encodes, and may stop or fail."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.go = threading.Event()
        self.go.set()
        self.fails = False

    def encode(self, texts: Sequence[str], is_query: bool) -> Any:
        self.go.wait(20)
        if self.fails:
            raise RuntimeError("it said: 右侧气胸")
        self.texts += texts
        return np.ones((len(texts), 384), np.float32)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Counting:
    model = Counting()
    monkeypatch.setattr(SentenceEncoder, "load", lambda: SentenceEncoder(model))
    return model


def signed_case(store: Store, number: int) -> str:
    with store.begin() as session:
        case_id = add_case(session, number)
    seed.draft(store, seed.made_draft(case_id))
    with store.begin() as session:
        sign(
            session,
            case_id,
            base_revision=1,
            signer=person("A"),
            now=datetime(2031, 3, 9, tzinfo=UTC),
        )
    return case_id


def done(reports: OpenedReports) -> None:
    """Wait until all that was opened is read."""
    reports._waiting.join()


def test_a_report_is_encoded_once_in_both_languages(sqlite_store: Store, model: Counting) -> None:
    case_id, reports = signed_case(sqlite_store, 1), OpenedReports(sqlite_store)
    for _ in range(5):
        reports.opened(case_id, 1)
    done(reports)
    assert len(model.texts) == len(set(model.texts)) > 0
    assert any(text.isascii() for text in model.texts)
    assert not all(text.isascii() for text in model.texts)
    encoder = reports.encoder()
    assert encoder is not None
    before = len(model.texts)
    encoder.passages(list(model.texts))
    assert len(model.texts) == before


def test_the_page_waits_for_nothing_and_what_finds_no_room_is_left(
    sqlite_store: Store, model: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_reports, "WAITING", 2)
    case_id, reports = signed_case(sqlite_store, 1), OpenedReports(sqlite_store)
    model.go.clear()
    for version in range(1, 9):
        reports.opened(case_id, version)
    assert model.texts == []
    model.go.set()
    done(reports)
    assert len(reports._opened) <= 4
    reports.opened(case_id, 1)
    done(reports)
    assert model.texts


def test_a_model_that_fails_leaves_no_word_in_the_log_and_reads_the_next(
    sqlite_store: Store, model: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (signed_case(sqlite_store, number) for number in (1, 2))
    reports = OpenedReports(sqlite_store)
    model.fails = True
    with caplog.at_level(logging.INFO):
        reports.opened(first, 1)
        done(reports)
    assert "RuntimeError" in caplog.text and "气胸" not in caplog.text
    model.fails = False
    reports.opened(second, 1)
    done(reports)
    assert model.texts


def test_what_was_opened_long_ago_is_forgotten(
    sqlite_store: Store, model: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_reports, "REMEMBERED", 3)
    reports = OpenedReports(sqlite_store)
    for number in range(1, 7):
        reports.opened(signed_case(sqlite_store, number), 1)
        done(reports)
    assert len(reports._opened) == 3
