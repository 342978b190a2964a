"""Templates as data: what comes with radraft says only what is normal, in two languages that agree,
and the right one is chosen for an examination."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radraft.core.errors import ReportError
from radraft.reports.checks.run import proofread
from radraft.reports.checks.values import StudyFacts
from radraft.reports.findings.body_parts import region_of
from radraft.reports.findings.extract import extract
from radraft.reports.findings.vocabulary import Kind, Region, lineage, vocabulary
from radraft.reports.report_templates import (
    MAX_FILE,
    ReportTemplate,
    fitting,
    line_id,
    ready_templates,
    template_from_json,
    template_from_yaml,
    template_sentence,
    template_to_json,
    template_to_yaml,
)
from radraft.reports.template_fields import text_fields
from radraft.reports.values import LANGS, Certainty, Origin, Report, Section, Sentence, Wording

READY = {template.id: template for template in ready_templates()}
MINIMAL = """
id: own
name: {zh: 本院模板}
lines:
  - {path: findings/lungs, name: {en: Lungs}, en: The lungs are clear.}
"""


def study(template: ReportTemplate, sex: str = "F") -> StudyFacts:
    """An examination that the template is for."""
    return StudyFacts(
        modality=template.modalities[0],
        body_part=template.body_parts[0],
        sex=sex,
        age_years=50.0,
    )


def filled(text: str) -> str:
    """The text with the first choice of each of its fields, or a figure."""
    while fields := text_fields(text):
        field = fields[0]
        text = text[: field.start] + (field.choices or ("5",))[0] + text[field.end :]
    return text


def normal_report(template: ReportTemplate, sex: str = "F") -> Report:
    """The template's lines as a person would have written them."""

    def written(section: Section) -> tuple[Sentence, ...]:
        lines = [line for line in template.lines_for(sex) if line.section is section]
        return tuple(
            Sentence(
                line_id(line.path),
                tuple(Wording(lang, filled(line.text(lang)), Origin.PERSON) for lang in LANGS),
            )
            for line in lines
        )

    return Report("c-1", written(Section.FINDINGS), written(Section.IMPRESSION))


def test_there_is_a_template_for_each_of_the_common_examinations() -> None:
    examinations = [
        ("DX", "CHEST"),
        ("CT", "CHEST"),
        ("CT", "HEAD"),
        ("CT", "ABDOMEN"),
        ("MR", "LSPINE"),
        ("CR", "KNEE"),
        ("US", "ABDOMEN"),
    ]
    chosen = [
        fitting(StudyFacts(modality=modality, body_part=part), ready_templates())[0].id
        for modality, part in examinations
    ]
    assert len(set(chosen)) == len(examinations) == len(READY)
    assert fitting(StudyFacts(modality="MR", body_part="WRIST"), ready_templates()) == ()
    assert fitting(StudyFacts(modality="CT"), ready_templates()) == ()


@pytest.mark.parametrize("name", READY)
def test_each_sentence_states_only_what_is_absent_or_normal(name: str) -> None:
    template = READY[name]
    region = region_of(template.body_parts[0])
    for line in template.lines:
        for lang in LANGS:
            assert line.text(lang), (line.path, lang)
            stated = [
                mention.code
                for mention in extract(filled(line.text(lang)), lang, region)
                if mention.polarity is not Certainty.ABSENT
                and vocabulary()[mention.code].kind is not Kind.NORMAL
            ]
            assert not stated, (line.path, lang)


@pytest.mark.parametrize("sex", ["M", "F"])
@pytest.mark.parametrize("name", READY)
def test_a_report_of_all_its_lines_needs_no_second_look(name: str, sex: str) -> None:
    template = READY[name]
    assert proofread(normal_report(template, sex), study(template, sex)) == ()


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("chest_radiograph", Region.CHEST),
        ("chest_ct", Region.CHEST),
        ("head_ct", Region.HEAD),
        ("abdomen_ct", Region.ABDOMEN),
        ("lumbar_spine_mr", Region.SPINE),
    ],
)
def test_every_finding_of_its_region_has_a_line(name: str, region: Region) -> None:
    codes = {code for line in READY[name].lines for code in line.findings}
    without = [
        finding.code
        for finding in vocabulary().values()
        if finding.region is region
        and finding.kind is Kind.FINDING
        and not codes & {finding.code, *lineage(finding.code)}
        # Things that are in no structure of an examination.
        and finding.code not in ("foreign_body", "malpositioned_device")
    ]
    assert not without


def test_choices_and_blanks_are_written_as_hospitals_write_them() -> None:
    fields = text_fields("圆锥末端位于( T12 / L1 / L2 )水平，内径( )mm，（左/右）侧(对照片)。")
    assert [field.choices for field in fields] == [("T12", "L1", "L2"), (), ("左", "右")]
    assert [line.path for line in READY["abdominal_ultrasound"].lines if line.required] == [
        "findings/portal_vein",
        "findings/bile_ducts",
    ]
    for template in READY.values():
        for line in template.lines:
            found = [[len(f.choices) for f in text_fields(line.text(lang))] for lang in LANGS]
            # A required line has a field to fill in, the same in both languages.
            assert found[0] == found[1]
            assert bool(found[0]) == line.required, line.path


def test_the_most_specific_template_comes_first_and_of_equals_the_sites_own() -> None:
    base = template_from_yaml(MINIMAL)
    whole = base.model_copy(update={"id": "any"})
    chest = base.model_copy(update={"id": "chest", "modalities": ("CT",), "body_parts": ("CHEST",)})
    women = chest.model_copy(update={"id": "women", "sex": "F"})
    young = chest.model_copy(update={"id": "young", "max_age": 14.0})
    ordered = chest.model_copy(update={"id": "ordered", "procedures": ("CTLOW",)})
    twin = chest.model_copy(update={"id": "twin"})
    known = [whole, twin, chest, women, young, ordered]
    girl = StudyFacts(modality="ct", body_part="Chest", sex="F", age_years=9.0)

    def ids(facts: StudyFacts, procedure: str = "") -> list[str]:
        return [template.id for template in fitting(facts, known, procedure=procedure)]

    assert ids(girl, "CTLOW") == ["ordered", "young", "women", "twin", "chest", "any"]
    assert ids(girl) == ["young", "women", "twin", "chest", "any"]
    assert ids(replace(girl, sex="M", age_years=14.0)) == ["twin", "chest", "any"]
    # What is not known of an examination chooses nothing.
    assert ids(replace(girl, sex="", age_years=None)) == ["twin", "chest", "any"]
    assert ids(StudyFacts()) == ["any"]


def test_lines_of_one_sex_are_for_nobody_of_whom_it_is_not_known() -> None:
    def paths(sex: str) -> set[str]:
        return {line.path for line in READY["abdomen_ct"].lines_for(sex)}

    assert paths("M") - paths("F") == {"findings/prostate"}
    assert paths("F") - paths("M") == {"findings/uterus"}
    assert paths("") == paths("M") & paths("F")


def test_a_line_becomes_a_sentence_that_nobody_asserted() -> None:
    template = READY["chest_radiograph"]
    sentence = template_sentence(template, template.lines[0])
    assert sentence.id == "t-findings.airway"
    assert sentence.template_field is not None
    assert sentence.template_field.path == "findings/airway"
    assert [(w.lang, w.origin, w.confirmed) for w in sentence.wordings] == [
        ("zh", Origin.TEMPLATE, None),
        ("en", Origin.TEMPLATE, None),
    ]
    assert [w.lang for w in template_sentence(template, template.lines[0], ("en",)).wordings] == [
        "en"
    ]
    long = "findings/" + "/".join(["a" * 30] * 4)
    assert len(line_id(long)) <= 64
    assert line_id(long) != line_id(long[:-1])


@pytest.mark.parametrize("name", READY)
def test_a_template_is_the_same_after_it_was_written_and_read(name: str) -> None:
    template = READY[name]
    assert template_from_yaml(template_to_yaml(template)) == template
    again = template_from_json(template_to_json(template))
    assert (again, again.content_sha) == (template, template.content_sha)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (MINIMAL + "colour: grey\n", "file"),
        (MINIMAL.replace("en: The", "zh_text: Clear, en: The"), "lines.0"),
        (MINIMAL.replace("findings/lungs", "technique/lungs"), "lines.0.path"),
        (MINIMAL.replace("id: own", "id: ../own"), "id"),
        (MINIMAL.replace("The lungs", "The \u202elungs"), "lines.0.en"),
        (MINIMAL.replace("The lungs are clear.", "''"), "lines.0"),
        (MINIMAL + "  - {path: findings/lungs, name: {en: Lungs}, en: Clear.}\n", "file"),
        (MINIMAL.replace("en: The", "findings: [cold], en: The"), "lines.0.findings"),
        (MINIMAL.replace("en: The", "organs: [soul], en: The"), "lines.0.organs"),
        (MINIMAL + "min_age: 20\nmax_age: 10\n", "file"),
        ("lines: [", "file"),
        ("[]", "file"),
        ("!!python/object/apply:os.system ['true']", "file"),
    ],
)
def test_a_file_with_anything_else_in_it_is_refused_with_the_place(text: str, fields: str) -> None:
    with pytest.raises(ReportError) as refused:
        template_from_yaml(text)
    assert refused.value.code == "report_template_invalid"
    assert refused.value.details["fields"] == fields


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(ReportError, match="template_too_large"):
        template_from_yaml(MINIMAL + "#" * MAX_FILE)
