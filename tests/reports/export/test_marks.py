"""What readers are told of the machine that wrote any of a report first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radraft.reports.export.marks import mark
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.values import LANGS, Origin
from tests.outgoing_reports import outgoing, signed


@pytest.mark.parametrize("origin", [Origin.MODEL, Origin.TRANSLATION, Origin.COMPOSED])
def test_a_signed_report_that_a_machine_began_says_so(origin: Origin) -> None:
    report = outgoing(signed(1, origin=origin))
    marks = [mark(report, lang) for lang in LANGS]
    assert marks == ["AI 辅助，医师审核", "AI-assisted, reviewed by a physician"]


@pytest.mark.parametrize("origin", [Origin.PERSON, Origin.TEMPLATE])
def test_a_report_that_people_wrote_carries_no_mark(origin: Origin) -> None:
    assert [mark(outgoing(signed(1, origin=origin)), lang) for lang in LANGS] == ["", ""]


def test_a_report_that_began_as_a_draft_is_marked_though_every_sentence_is_a_persons() -> None:
    drafter = outgoing(signed(1)).drafter
    report = outgoing(signed(1, origin=Origin.PERSON), drafter=drafter)
    assert mark(report, "zh") == "AI 辅助，医师审核"


def test_before_the_signature_it_is_generated() -> None:
    report = replace(outgoing(), status=OutgoingStatus.PRELIMINARY, signed_at=None)
    marks = [mark(report, lang) for lang in LANGS]
    assert marks == ["AI 生成", "AI-generated"]
