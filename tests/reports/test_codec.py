from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports import codec
from radraft.reports.draft import Draft
from radraft.reports.sign import sealed, verify
from radraft.reports.values import Report, Sentence, SignedReport
from tests.builders import make_draft, make_report
from tests.reports.strategies import reports, signed_reports

pytestmark = pytest.mark.slow


@given(report=reports())
def test_a_report_comes_back_the_same(report: Report) -> None:
    assert codec.stored_report(codec.report_to_json(report)) == report
    assert codec.validated(report) == report


@given(report=reports())
def test_what_a_page_edits_comes_back_with_the_same_words_and_meaning(report: Report) -> None:
    text = json.dumps(codec.edit_form(report))
    came = codec.report_from_json(text)
    assert codec.report_from_json(text.encode()) == came
    # What is confirmed is a person's word: it comes by another way (`codec.SentReport.confirmed`).
    assert codec.edit_form(came) == codec.edit_form(unconfirmed(report))
    assert [(s.zh, s.en) for s in came.sentences] == [(s.zh, s.en) for s in report.sentences]


@given(signed=signed_reports())
def test_a_signed_version_comes_back_the_same_and_verifies(signed: SignedReport) -> None:
    kept = sealed(signed)
    text = codec.signed_to_json(kept)
    assert codec.signed_from_json(text) == kept
    assert verify(text)
    assert codec.signed_to_json(codec.signed_from_json(text)) == text


@given(report=reports())
def test_a_draft_comes_back_the_same(report: Report) -> None:
    draft: Draft = make_draft("c-1", report)
    assert codec.draft_from_json(codec.draft_to_json(draft)) == draft
    bare = replace(draft, usage=None, request_sha=None, error_code="llm_down")
    assert codec.draft_from_json(codec.draft_to_json(bare)) == bare


@given(report=reports(), data=st.data())
def test_the_canonical_hash_knows_values_not_their_order(
    report: Report, data: st.DataObject
) -> None:
    fields = json.loads(codec.report_to_json(report))
    shuffled = dict(data.draw(st.permutations(list(fields.items()))))
    wanted = canonical.sha256(fields)
    assert canonical.sha256(shuffled) == wanted
    assert canonical.sha256(json.loads(json.dumps(shuffled, indent=3))) == wanted
    assert canonical.dumps(shuffled) == codec.report_to_json(report)


@given(one=reports(), other=reports())
def test_the_canonical_hash_tells_reports_apart(one: Report, other: Report) -> None:
    assert (canonical.sha256(one) == canonical.sha256(other)) == (
        codec.report_to_json(one) == codec.report_to_json(other)
    )


def unconfirmed(report: Report) -> Report:
    def bare(sentence: Sentence) -> Sentence:
        wordings = (replace(wording, confirmed=None) for wording in sentence.wordings)
        return replace(sentence, wordings=tuple(wordings))

    return Report(
        report.case_id, tuple(map(bare, report.findings)), tuple(map(bare, report.impression))
    )


def broken(change: Any) -> str:
    fields = codec.edit_form(make_report("c-1"))
    change(fields)
    return json.dumps(fields)


BAD: dict[str, Any] = {
    "unknown key": lambda f: f.update(extra=1),
    "unknown key below": lambda f: f["findings"][0].update(extra=1),
    "missing section": lambda f: f.pop("impression"),
    "missing text": lambda f: f["findings"][0].pop("zh"),
    "number for text": lambda f: f["findings"][0].update(zh=5),
    "text for number": lambda f: f["findings"][0]["evidence"][0].update(support="1"),
    "unknown origin": lambda f: f["findings"][0].update(origin="nobody"),
    "repeated id": lambda f: f["findings"][0].update(id="i1"),
    "long text": lambda f: f["findings"][0].update(en="x" * 2001),
    "many sentences": lambda f: f.update(findings=f["findings"] * 40),
    "object for list": lambda f: f.update(findings={}),
    "stored form": lambda f: f["findings"][0].update(wordings=[]),
    "a confirmation of one's own": lambda f: f["findings"][0].update(confirmed=True),
    "a confirmation by name": lambda f: f["findings"][0].update(confirm=[{"by": "王"}]),
    "a confirmed language that is none": lambda f: f["findings"][0].update(confirm=["fr"]),
    "more languages than there are": lambda f: f["findings"][0].update(confirm=["zh"] * 3),
    "an origin of another language": lambda f: f["findings"][0].update(origins={"fr": "model"}),
    "a number for a schema": lambda f: f.update(schema=2),
    "NaN": lambda f: f["findings"][0]["evidence"][0].update(support=float("nan")),
}


@pytest.mark.parametrize("name", BAD)
def test_untrusted_json_out_of_form_is_refused(name: str) -> None:
    with pytest.raises(ReportError) as error:
        codec.report_from_json(broken(BAD[name]))
    assert error.value.code == "report_invalid"
    assert "extra" not in error.value.details["place"].__str__()


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 5000, '{"a":' * 5000, b"\xff\xfe"])
def test_what_is_no_report_at_all_is_refused(text: str | bytes) -> None:
    with pytest.raises(ReportError, match="report_invalid"):
        codec.report_from_json(text)


def test_half_a_surrogate_pair_is_refused() -> None:
    text = broken(lambda f: f["findings"][0].update(en="HALF")).replace("HALF", "\\ud83d")
    with pytest.raises(ReportError, match="report_invalid"):
        codec.report_from_json(text)


def test_a_huge_text_is_refused_unread() -> None:
    with pytest.raises(ReportError) as error:
        codec.report_from_json(" " * (codec.MAX_JSON + 1))
    assert error.value.details["problem"] == "too_long"
