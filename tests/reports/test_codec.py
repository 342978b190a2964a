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
from radraft.reports.values import Report
from tests.builders import make_draft, make_report
from tests.reports.strategies import reports


@given(report=reports())
def test_a_report_comes_back_the_same(report: Report) -> None:
    text = codec.report_to_json(report)
    assert codec.report_from_json(text) == report
    assert codec.report_from_json(text.encode()) == report
    assert codec.stored_report(text) == report
    assert codec.validated(report) == report


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
    assert canonical.sha256(shuffled) == canonical.sha256(report)
    assert canonical.sha256(json.loads(json.dumps(shuffled, indent=3))) == canonical.sha256(report)


@given(one=reports(), other=reports())
def test_the_canonical_hash_tells_reports_apart(one: Report, other: Report) -> None:
    assert (canonical.sha256(one) == canonical.sha256(other)) == (
        codec.report_to_json(one) == codec.report_to_json(other)
    )


def broken(change: Any) -> str:
    fields = json.loads(codec.report_to_json(make_report("c-1")))
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
    "control character": lambda f: f["findings"][0].update(en="\u0000"),
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
