"""A report merged into its template: nothing stated is lost, said twice or contradicted, and what
nobody looked at stays as text that nobody asserted."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from radraft.reports.assertion import is_grey, without_grey
from radraft.reports.checks.values import StudyFacts
from radraft.reports.codec import MAX_SENTENCES
from radraft.reports.findings.body_parts import region_of
from radraft.reports.findings.extract import extract
from radraft.reports.findings.vocabulary import Kind, counted_as, lineage, vocabulary
from radraft.reports.report_templates import ReportTemplate, line_id, ready_templates
from radraft.reports.template_merge import merge, missing_lines, replaced_lines
from radraft.reports.values import (
    LANGS,
    Certainty,
    Confirmation,
    Lang,
    Origin,
    Report,
    Sentence,
    TemplateField,
    Wording,
    both,
)
from tests.builders import person

READY = {template.id: template for template in ready_templates()}
CHEST = READY["chest_radiograph"]
SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
EMPTY = Report("c-1", (), ())


def study(template: ReportTemplate, sex: str = "F") -> StudyFacts:
    return StudyFacts(
        modality=template.modalities[0],
        body_part=template.body_parts[0],
        sex=sex,
        age_years=50.0,
    )


def drafted(number: int, zh: str, en: str) -> Sentence:
    return Sentence(f"f{number}", both(zh, en, Origin.MODEL))


def draft(*texts: tuple[str, str], impression: tuple[tuple[str, str], ...] = ()) -> Report:
    """A model's report of those Chinese and English texts."""
    sentences = [drafted(number, *pair) for number, pair in enumerate((*texts, *impression))]
    return Report("c-1", tuple(sentences[: len(texts)]), tuple(sentences[len(texts) :]))


def grey(report: Report) -> list[Sentence]:
    return [s for s in report.sentences if s.wordings and all(map(is_grey, s.wordings))]


def stated_codes(sentence: Sentence, template: ReportTemplate) -> dict[str, set[Certainty]]:
    """What a sentence states of which findings, in either language; a finding that is there is
    what it implies as well."""
    found: dict[str, set[Certainty]] = {}
    for wording in sentence.wordings:
        for mention in extract(wording.text, wording.lang, region_of(template.body_parts[0])):
            if vocabulary()[mention.code].kind is Kind.NORMAL:
                continue
            absent = mention.polarity is Certainty.ABSENT
            codes = (counted_as(mention.code),) if absent else lineage(mention.code)
            for code in codes:
                found.setdefault(code, set()).add(mention.polarity)
    return found


def require_laws(report: Report, template: ReportTemplate, sex: str = "F") -> Report:
    """Merge, and hold the result against the laws; the merged report."""
    facts = study(template, sex)
    merged = merge(report, template, facts)
    after = merged.report
    # Nothing that was stated is lost, changed, or in another order.
    assert without_grey(after) == without_grey(report)
    # A line stands there once.
    ids = [sentence.id for sentence in after.sentences]
    assert len(ids) == len(set(ids))
    # What was added is the template's, of which nobody is the author.
    lines = {line_id(line.path): line for line in template.lines_for(sex)}
    for sentence in after.sentences:
        if sentence.id in merged.added:
            line = lines[sentence.id]
            assert (sentence.zh, sentence.en) == (line.zh, line.en)
            assert {wording.origin for wording in sentence.wordings} == {Origin.TEMPLATE}
            assert sentence.template_field == TemplateField(template.id, line.path)
            place = after.findings if line.section.value == "findings" else after.impression
            assert sentence in place
    # Nothing is said twice or denied: no code of a line that is left is stated, and none that
    # it denies is implied by what is there.
    present: set[str] = set()
    in_findings: set[str] = set()
    for sentence in without_grey(after).sentences:
        for code, polarities in stated_codes(sentence, template).items():
            if polarities != {Certainty.ABSENT}:
                present.add(code)
            if sentence in after.findings:
                in_findings.add(code)
    for sentence in grey(after):
        codes = set(stated_codes(sentence, template))
        assert not codes & present, sentence
        if sentence in after.findings:
            assert not codes & in_findings, sentence
    # Every line is there, or something stands in its place.
    replaced = replaced_lines(after, template, facts)
    assert set(lines) - set(ids) <= replaced
    # To do it again changes nothing.
    again = merge(after, template, facts)
    assert (again.report, again.added, again.removed) == (after, (), ())
    return after


@pytest.mark.parametrize("sex", ["M", "F", ""])
@pytest.mark.parametrize("name", READY)
def test_an_empty_report_becomes_all_lines_of_its_template(name: str, sex: str) -> None:
    template = READY[name]
    after = require_laws(EMPTY, template, sex)
    lines = [line_id(line.path) for line in template.lines_for(sex)]
    assert [sentence.id for sentence in after.sentences] == lines
    assert len(grey(after)) == len(lines)


def test_what_the_model_states_replaces_the_line_of_its_structure() -> None:
    after = require_laws(
        draft(
            ("心影增大。", "The heart is enlarged."),
            ("未见气胸。", "No pneumothorax."),
            impression=(("心脏增大。", "Cardiomegaly."),),
        ),
        CHEST,
    )
    assert [s.id for s in after.findings] == [
        "t-findings.airway",
        "t-findings.lungs",
        "t-findings.hila",
        "f0",
        "f1",
        "t-findings.diaphragm",
        "t-findings.mediastinum",
        "t-findings.bones",
    ]
    # Two that are out of the template's order stay as the model put them.
    assert [s.id for s in after.impression] == ["f2"]


def test_a_finding_outside_the_vocabulary_replaces_the_line_of_its_organ() -> None:
    template = READY["lumbar_spine_mr"]
    after = require_laws(
        draft(("L4/5黄韧带肥厚。", "The ligamentum flavum at L4/5 is hypertrophied.")), template
    )
    ids = [s.id for s in after.sentences]
    assert "t-findings.ligaments" not in ids
    assert "t-impression.normal" not in ids
    assert "t-findings.discs" in ids


def test_a_conclusion_that_all_is_normal_stands_beside_nothing_that_is_not() -> None:
    normal = draft(("未见气胸。", "No pneumothorax."))
    assert "t-impression.normal" in [s.id for s in require_laws(normal, CHEST).impression]
    for text in (
        ("右肺可疑结节。", "Possible nodule in the right lung."),
        ("右肺上叶占位。", "Mass in the right upper lobe."),
        ("左锁骨陈旧骨折。", "Old fracture of the left clavicle."),
    ):
        assert not require_laws(draft(text), CHEST).impression
    concluded = draft(impression=(("双肺未见异常。", "The lungs are normal."),))
    assert [s.id for s in require_laws(concluded, CHEST).impression] == ["f0"]


def test_an_impression_takes_the_line_of_what_it_states_and_not_of_what_it_denies() -> None:
    pneumonia = draft(impression=(("右下肺炎。", "Right lower lobe pneumonia."),))
    assert "t-findings.lungs" not in [s.id for s in require_laws(pneumonia, CHEST).findings]
    denied = draft(impression=(("未见气胸。", "No pneumothorax."),))
    assert "t-findings.pleura" in [s.id for s in require_laws(denied, CHEST).findings]


def test_a_line_that_nobody_confirmed_goes_when_something_else_is_written_of_it() -> None:
    full = merge(EMPTY, CHEST, study(CHEST)).report
    effusion = Sentence("p1", both("右侧胸腔积液。", "Right pleural effusion.", Origin.PERSON))
    written = replace(full, findings=(*full.findings, effusion))
    assert replaced_lines(written, CHEST, study(CHEST)) == {
        "t-findings.pleura",
        "t-impression.normal",
    }
    merged = merge(written, CHEST, study(CHEST))
    assert merged.removed == ("t-findings.pleura", "t-impression.normal")
    require_laws(written, CHEST)


def test_a_line_that_was_confirmed_or_filled_in_is_a_statement_like_any_other() -> None:
    full = merge(EMPTY, CHEST, study(CHEST)).report
    said = Confirmation(person("王签名"), NOW)

    def confirmed(sentence: Sentence) -> Sentence:
        wordings = tuple(replace(wording, confirmed=said) for wording in sentence.wordings)
        return replace(sentence, wordings=wordings)

    report = replace(full, findings=tuple(map(confirmed, full.findings)))
    after = require_laws(report, CHEST)
    assert [s.id for s in grey(after)] == ["t-impression.normal"]
    # Taken away by the reader: the key brings it back, unconfirmed.
    without = replace(report, findings=report.findings[1:])
    assert grey(require_laws(without, CHEST))[0].id == "t-findings.airway"
    assert require_laws(without, CHEST).findings[0].id == "t-findings.airway"


def test_a_required_line_is_missing_where_nothing_stands_in_its_place() -> None:
    template = READY["lumbar_spine_mr"]
    facts = study(template)

    def missing(report: Report) -> list[str]:
        return [line.path for line in missing_lines(report, template, facts)]

    assert missing(EMPTY) == ["findings/conus"]
    assert missing(merge(EMPTY, template, facts).report) == []
    assert missing(draft(("圆锥位于L1水平。", "The conus ends at L1."))) == []
    assert missing(draft(("椎间盘突出。", "Disc herniation."))) == ["findings/conus"]


def test_in_one_language_only_that_language_is_added() -> None:
    after = merge(EMPTY, CHEST, study(CHEST), langs=("zh",)).report
    assert {w.lang for s in after.sentences for w in s.wordings} == {"zh"}
    english_only = CHEST.model_copy(
        update={"lines": tuple(line.model_copy(update={"zh": ""}) for line in CHEST.lines)}
    )
    assert merge(EMPTY, english_only, study(CHEST), langs=("zh",)).report == EMPTY


def test_a_report_that_contradicts_itself_hides_no_line_that_it_contradicts() -> None:
    after = require_laws(
        draft(
            ("未见连枷胸。", "No flail chest."),
            impression=(
                ("可见气道异物。", "There is an airway foreign body."),
                ("可见连枷胸。", "There is flail chest."),
            ),
        ),
        CHEST,
    )
    assert "t-findings.bones" not in [s.id for s in after.findings]


def test_a_section_that_is_full_stays_as_it_is() -> None:
    texts = [(f"心影增大{n}。", f"The heart is enlarged {n}.") for n in range(MAX_SENTENCES - 1)]
    after = merge(draft(*texts), CHEST, study(CHEST)).report
    assert len(after.findings) == MAX_SENTENCES


_FRAMES: dict[Lang, tuple[str, ...]] = {
    "zh": ("可见{}。", "未见{}。", "右侧{}。", "考虑{}可能。", "{}较前增大。", "未见明显{}征象。"),
    "en": (
        "There is {}.",
        "No {}.",
        "Right-sided {}.",
        "Possible {}.",
        "{} has increased.",
        "No evidence of {}.",
    ),
}


@st.composite
def generated_drafts(drawn: st.DrawFn, template: ReportTemplate) -> Report:
    """A report of findings of any region, present, absent and unsure, in one language or both, in
    any order, some of the sentences with two."""
    codes = sorted(code for code, f in vocabulary().items() if f.kind is not Kind.NORMAL)
    own = sorted({code for line in template.lines for code in line.findings})

    def sentence(number: int) -> Sentence:
        code = drawn(st.sampled_from(own) | st.sampled_from(codes))
        frame = drawn(st.integers(0, len(_FRAMES["zh"]) - 1))
        langs = drawn(st.sampled_from([("zh", "en"), ("zh",), ("en",)]))
        names = {"zh": vocabulary()[code].zh, "en": vocabulary()[code].en.lower()}
        wordings = tuple(
            Wording(lang, _FRAMES[lang][frame].format(names[lang]), Origin.MODEL)
            for lang in LANGS
            if lang in langs
        )
        return Sentence(f"f{number}", wordings)

    sentences = tuple(sentence(number) for number in range(drawn(st.integers(0, 6))))
    cut = drawn(st.integers(0, len(sentences)))
    return Report("c-1", sentences[:cut], sentences[cut:])


@pytest.mark.parametrize("name", READY)
def test_no_statement_is_lost_doubled_or_contradicted_whatever_is_found(name: str) -> None:
    template = READY[name]

    @settings(max_examples=25, deadline=None)
    @given(generated_drafts(template))
    def holds(report: Report) -> None:
        require_laws(report, template)

    holds()


def english_reports() -> Iterator[Report]:
    """Real reports in English, sentence by sentence."""
    with (SHARED / "reports_iu_en/reports.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            found, concluded = (
                [text.strip() + "." for text in row[part].split(". ") if text.strip(" .")]
                for part in ("findings", "impression")
            )
            sentences = [
                Sentence(f"f{n}", both("", text, Origin.MODEL))
                for n, text in enumerate([*found, *concluded])
            ]
            yield Report("c-1", tuple(sentences[: len(found)]), tuple(sentences[len(found) :]))


def chinese_reports() -> Iterator[Report]:
    """Real descriptions in Chinese, sentence by sentence."""
    with (SHARED / "reports_iu_zh_en/pairs.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            texts = [text + "。" for text in json.loads(line)["zh"].split("。") if text.strip()]
            sentences = (
                Sentence(f"f{n}", both(text, "", Origin.MODEL)) for n, text in enumerate(texts)
            )
            yield Report("c-1", tuple(sentences), ())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reports are not here")
@pytest.mark.parametrize("read", [english_reports, chinese_reports])
def test_the_laws_hold_for_real_reports(read: object) -> None:
    assert callable(read)
    reports = list(islice(read(), 0, 400, 10))
    assert len(reports) == 40
    kept = [len(grey(require_laws(report, CHEST))) for report in reports]
    print(f"{read.__name__}: lines left grey of {len(CHEST.lines)}: {sorted(kept)}")
    assert 0 < sum(kept) < len(CHEST.lines) * len(kept)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reports are not here")
@pytest.mark.parametrize("name", [name for name in READY if name != "chest_radiograph"])
def test_the_laws_hold_for_reports_of_another_examination(name: str) -> None:
    for report in [*islice(english_reports(), 0, 200, 40), *islice(chinese_reports(), 0, 200, 40)]:
        require_laws(report, READY[name])
