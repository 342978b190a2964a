from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from radraft.llm.stream import BadFormat, Pair, ReportReader
from radraft.reports.values import Section

pairs = st.lists(
    st.fixed_dictionaries({"zh": st.text(min_size=1), "en": st.text(min_size=1)}), max_size=4
)


@given(findings=pairs, impression=pairs, ascii_only=st.booleans(), cuts=st.data())
def test_any_cutting_gives_the_same_pairs_in_order(
    findings: list[dict[str, str]],
    impression: list[dict[str, str]],
    ascii_only: bool,
    cuts: st.DataObject,
) -> None:
    text = json.dumps({"findings": findings, "impression": impression}, ensure_ascii=ascii_only)
    reader, got, at = ReportReader(), [], 0
    while at < len(text):
        step = cuts.draw(st.integers(1, 40))
        got += reader.feed(text[at : at + step])
        at += step
    assert got == [(Section.FINDINGS, Pair(**p)) for p in findings] + [
        (Section.IMPRESSION, Pair(**p)) for p in impression
    ]
    report = reader.finish()
    assert [p.model_dump() for p in report.findings] == findings
    assert [p.model_dump() for p in report.impression] == impression


def test_a_pair_comes_with_its_last_character() -> None:
    reader = ReportReader()
    assert reader.feed('{"findings":[{"zh":"双肺清晰。","en":"Clear \\"lungs\\".') == []
    assert reader.feed('"') == []
    assert reader.feed("}") == [(Section.FINDINGS, Pair(zh="双肺清晰。", en='Clear "lungs".'))]


@pytest.mark.parametrize(
    "text",
    [
        '{"findings":[{"zh":"a"}]}',
        '{"findings":[{"zh":"a","en":"b","x":"c"}]}',
        '{"findings":[{"zh":1,"en":"b"}]}',
        '{"findings":[{"zh":"","en":"b"}]}',
        '{"history":[{"zh":"a","en":"b"}]}',
        '{"findings":[{"zh":{"a":"b"}}]}',
        '{"findings":[}',
        "]",
    ],
)
def test_what_is_no_report_is_refused_at_once(text: str) -> None:
    with pytest.raises(BadFormat):
        ReportReader().feed(text)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"findings":[]}', '{"findings":[],"impression":[']
)
def test_what_did_not_become_a_report_is_refused_at_the_end(text: str) -> None:
    reader = ReportReader()
    assert reader.feed(text) == []
    with pytest.raises(BadFormat):
        reader.finish()


def test_an_endless_answer_is_refused() -> None:
    reader = ReportReader()
    with pytest.raises(BadFormat):
        for _ in range(1000):
            reader.feed(" " * 1000)
