"""What a template's lines become in training pairs and preferences: ten reports, as signed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from radraft.finetune import export
from radraft.reports.assertion import is_grey
from radraft.reports.checks.values import StudyFacts
from radraft.reports.draft import StoredDraft
from radraft.reports.editing import WorkingReport
from radraft.reports.report_templates import ready_templates
from radraft.reports.sign import SignatureRefused, signed_version
from radraft.reports.template_merge import merge
from radraft.reports.training_pair import TrainingPair, make_pair
from radraft.reports.values import (
    Confirmation,
    Manner,
    Origin,
    Report,
    ReportState,
    Sentence,
    Signing,
    both,
)
from tests.builders import make_draft, make_request_json, person

CHEST = next(template for template in ready_templates() if template.id == "chest_radiograph")
STUDY = StudyFacts(modality="CR", body_part="CHEST", sex="F", age_years=50.0)
WANG = person("王签名")
NOW = datetime(2026, 11, 29, tzinfo=UTC)
DRAFT = (
    Sentence("f1", both("右侧胸腔积液。", "Right pleural effusion.", Origin.MODEL)),
    Sentence("f2", both("心影增大。", "The heart is enlarged.", Origin.MODEL)),
)
IMPRESSION = (
    Sentence("i1", both("右侧胸腔积液。", "Right pleural effusion.", Origin.MODEL)),
    Sentence("i2", both("心脏增大。", "Cardiomegaly.", Origin.MODEL)),
)


@dataclass(frozen=True)
class Reading:
    """One of the ten: what its reader did with the draft merged into its template."""

    name: str
    drop: tuple[str, ...] = ()
    """Lines of the template that he took away."""
    write: tuple[tuple[str, str, str], ...] = ()
    """(id, zh, en) of sentences in his own words, of the draft, of the template or new."""
    leave: tuple[str, ...] = ()
    """Lines that he did not confirm."""
    merged: bool = True


EDGE = ("p1", "左肋陈旧骨折。", "Old fracture of a left rib.")
TEN = (
    Reading("no template, as drafted", merged=False),
    Reading("no template, one corrected", write=(("f1", "未见胸腔积液。", "No pleural effusion."),
            ("i1", "未见胸腔积液。", "No pleural effusion.")), merged=False),
    Reading("all lines confirmed"),
    Reading("confirmed, one reworded", write=(("f2", "心影较大。", "The heart is enlarged."),)),
    Reading("confirmed, one corrected", write=(("f1", "左侧胸腔积液。", "Left pleural effusion."),
            ("i1", "左侧胸腔积液。", "Left pleural effusion."))),
    Reading("confirmed, one added", write=(EDGE,), drop=("t-findings.bones",)),
    Reading("confirmed, two lines taken away", drop=("t-findings.airway", "t-findings.hila")),
    Reading("one line in the reader's words", write=(
            ("t-findings.hila", "双肺门不大。", "Both hila are of normal size."),)),
    Reading("one line left grey", leave=("t-findings.bones",)),
    Reading("nothing confirmed", leave=("*",)),
)  # fmt: skip


def drafted(case_id: str) -> Report:
    return Report(case_id, DRAFT, IMPRESSION)


def read(case_id: str, reading: Reading) -> Report:
    """The report as its reader left it."""
    report = drafted(case_id)
    if reading.merged:
        report = merge(report, CHEST, STUDY).report
    said = Confirmation(WANG, NOW)
    own = {key: both(zh, en, Origin.PERSON) for key, zh, en in reading.write}

    def handled(sentence: Sentence) -> Sentence:
        if sentence.id in own:
            return replace(sentence, wordings=own[sentence.id])
        grey = any(map(is_grey, sentence.wordings))
        if not grey or sentence.id in reading.leave or "*" in reading.leave:
            return sentence
        wordings = tuple(replace(wording, confirmed=said) for wording in sentence.wordings)
        return replace(sentence, wordings=wordings)

    findings = [handled(s) for s in report.findings if s.id not in reading.drop]
    ids = {sentence.id for sentence in report.sentences}
    findings += [Sentence(key, own[key]) for key in own if key not in ids]
    impression = [handled(s) for s in report.impression if s.id not in reading.drop]
    return Report(case_id, tuple(findings), tuple(impression))


def paired(number: int, reading: Reading) -> TrainingPair | None:
    """The training pair of its signature; None where it cannot be signed."""
    case_id = f"c-{number}"
    draft = make_draft(case_id, drafted(case_id))
    working = WorkingReport(
        case_id, read(case_id, reading), 2, ReportState.WRITING, WANG, NOW, 0, author=WANG
    )
    try:
        signed = signed_version(
            working,
            before=None,
            draft=draft,
            source=draft,
            prior_given=False,
            author=WANG,
            reviewer=None,
            signing=Signing(Manner.ALONE, None, "", password_confirmed=False),
            now=NOW,
            study=STUDY,
        )
    except SignatureRefused as refused:
        assert "template_unconfirmed" in refused.codes
        return None
    stored = StoredDraft(draft, make_request_json(case_id), None, ("a" * 64,), NOW)
    return make_pair(stored, signed, site="site-a", patient_ref="p-1")


def of_template(report: Report) -> int:
    return sum(s.origin is Origin.TEMPLATE for s in report.sentences)


def sentences(line: dict[str, object], key: str) -> int:
    """How many sentences a line of an export holds in `key`."""
    (message,) = line[key] if key != "messages" else line[key][-1:]  # type: ignore[index]
    found = json.loads(message["content"][0]["text"])
    return len(found["findings"]) + len(found["impression"])


def test_what_template_lines_become_on_ten_reports(capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for number, reading in enumerate(TEN):
        pair = paired(number, reading)
        if pair is None:
            rows.append((reading.name, 0, 0, "-", "-", "not signed"))
            continue
        edits = Counter(edit.edit.value for edit in pair.stats.sentences)
        example = sentences(export.example(pair), "messages")
        changed = export.is_preference(pair)
        chosen = sentences(export.preference(pair), "chosen") if changed else 0
        template = of_template(pair.asserted)
        told = " ".join(f"{kind} {count}" for kind, count in sorted(edits.items()))
        rows.append(
            (reading.name, template, example, chosen or "-", f"{pair.stats.distance:.2f}", told)
        )
        # Everything that was asserted is learned; of the template nothing is compared.
        assert example == len(pair.asserted.sentences)
        assert of_template(pair.corrected) == 0
        assert sum(edits.values()) - edits["deleted"] == len(pair.asserted.sentences) - template
        assert not any(edit.moved for edit in pair.stats.sentences)
        assert not any(is_grey(w) for s in pair.signed.report.sentences for w in s.wordings)
    with capsys.disabled():
        print(f"\n{'report':38} template  example  preference  distance  edits")
        for name, template, example, chosen, distance, told in rows:
            print(f"{name:38} {template:8} {example:8} {chosen!s:>11} {distance!s:>9}  {told}")
    found = {name: (template, chosen, told) for name, template, _, chosen, _, told in rows}
    assert found["all lines confirmed"] == (6, "-", "kept 4")
    assert found["no template, as drafted"] == (0, "-", "kept 4")
    assert found["confirmed, one corrected"] == (6, 4, "corrected 2 kept 2")
    assert found["confirmed, one added"] == (5, 5, "added 1 kept 4")
    assert found["confirmed, two lines taken away"] == (4, "-", "kept 4")
    assert found["one line in the reader's words"] == (5, 5, "added 1 kept 4")
    assert found["one line left grey"][2] == found["nothing confirmed"][2] == "not signed"


def test_a_preference_is_of_what_the_reader_changed_and_not_of_the_template() -> None:
    confirmed, corrected = paired(2, TEN[2]), paired(4, TEN[4])
    assert confirmed is not None
    assert corrected is not None
    assert not export.is_preference(confirmed)
    line = export.preference(corrected)
    assert sentences(line, "chosen") == sentences(line, "rejected") == 4
