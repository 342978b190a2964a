from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports import codec
from radraft.reports.people import Person, PersonKind
from radraft.reports.schema import SCHEMA
from radraft.reports.values import LANGS, ConfirmedLanguage, Origin
from tests.builders import make_draft, make_report

texts = st.sampled_from(["", " ", "双肺清晰。", "The lungs are clear."])


@st.composite
def old_sentences(draw: st.DrawFn, key: str) -> dict[str, Any]:
    """A sentence of schema 1, of the first form or the one with `kept`."""
    fields = {
        "id": key,
        "zh": draw(texts),
        "en": draw(texts),
        "origin": draw(st.sampled_from(["model", "template", "person"])),
        "finding": draw(st.none() | st.just("effusion")),
        "anatomy": None,
        "laterality": draw(st.none() | st.just("left")),
        "certainty": draw(st.none() | st.just("absent")),
        "evidence": draw(st.just([]) | st.just([{"image_id": "a" * 64, "support": 2.25}])),
    }
    return fields | draw(st.just({}) | st.fixed_dictionaries({"kept": st.booleans()}))


@st.composite
def old_reports(draw: st.DrawFn) -> dict[str, Any]:
    """A report of schema 1."""
    return {
        "case_id": "c-1",
        "findings": [draw(old_sentences(f"f{n}")) for n in range(draw(st.integers(0, 3)))],
        "impression": [draw(old_sentences(f"i{n}")) for n in range(draw(st.integers(0, 2)))],
    }


@given(old_reports())
def test_an_old_report_reads_as_it_was_and_its_new_form_is_stable(old: dict[str, Any]) -> None:
    report = codec.stored_report(canonical.dumps(old))
    new = codec.report_to_json(report)
    assert json.loads(new)["schema"] == SCHEMA
    assert codec.stored_report(new) == report
    assert codec.report_to_json(codec.stored_report(new)) == new
    for before, after in zip([*old["findings"], *old["impression"]], report.sentences, strict=True):
        assert (after.id, after.zh, after.en) == (before["id"], before["zh"], before["en"])
        assert {wording.origin for wording in after.wordings} <= {Origin(before["origin"])}
        assert after.kept == before.get("kept", False)
        assert (after.finding, after.support) == (
            before["finding"],
            2.25 if before["evidence"] else None,
        )


@given(old_reports(), st.none() | st.just("李复核"))
def test_an_old_signature_confirms_both_languages_by_a_typed_name(
    old: dict[str, Any], reviewer: str | None
) -> None:
    content = canonical.dumps(
        {
            "case_id": "c-1",
            "version": 1,
            "report": old,
            "draft_sha": None,
            "author": "王签名",
            "reviewer": reviewer,
            "signed_at": "2026-11-22T01:02:03.456789+00:00",
            "supersedes": None,
            "content_sha": "0" * 64,
        }
    )
    signed = codec.signed_from_json(content)
    author = Person(PersonKind.TYPED, "王签名")
    assert signed.author == author
    assert signed.reviewer == (None if reviewer is None else Person(PersonKind.TYPED, reviewer))
    assert signed.confirmed == tuple(ConfirmedLanguage(lang, author) for lang in LANGS)
    assert codec.signed_from_json(codec.signed_to_json(signed)) == signed


def old_draft() -> dict[str, Any]:
    return {
        "case_id": "c-1",
        "report": {"case_id": "c-1", "findings": [], "impression": []},
        "coverage": "failed",
        "model_id": "starter@0123456789abcdef",
        "adapter_id": None,
        "request_sha": None,
        "usage": None,
        "error_code": "llm_down",
    }


def test_the_first_drafts_have_no_least_support() -> None:
    draft = codec.draft_from_json(canonical.dumps(old_draft()))
    assert (draft.least_support, draft.error_code) == (None, "llm_down")


@pytest.mark.parametrize("place", [(), ("report",)])
def test_a_key_that_no_schema_has_is_refused(place: tuple[str, ...]) -> None:
    for text in (canonical.dumps(old_draft()), codec.draft_to_json(make_draft("c-1"))):
        fields = json.loads(text)
        at = fields
        for name in place:
            at = at[name]
        at["added"] = 1
        with pytest.raises(ReportError) as error:
            codec.draft_from_json(canonical.dumps(fields))
        assert error.value.code == "stored_form_invalid"


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '"x"', '{"schema":2}', "[" * 100_000, '{"case_id":"c-1"}'],
)
def test_what_no_version_wrote_is_refused(text: str) -> None:
    for reading in (codec.stored_report, codec.draft_from_json, codec.signed_from_json):
        with pytest.raises(ReportError, match="stored_form_invalid"):
            reading(text)


def test_a_sentence_with_a_language_twice_is_refused() -> None:
    fields = json.loads(codec.report_to_json(make_report("c-1")))
    wordings = fields["findings"][0]["wordings"]
    for wrong in ([wordings[0]] * 2, wordings[::-1]):
        fields["findings"][0]["wordings"] = wrong
        with pytest.raises(ReportError, match="stored_form_invalid"):
            codec.stored_report(canonical.dumps(fields))
