from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radraft.finetune.gate.batch import QUESTIONS
from radraft.finetune.gate.decide import MANDATORY
from radraft.finetune.gate.drafts import Writer
from radraft.finetune.gate.text import lines, sentence
from radraft.llm.adapter import Check, GateRecord, GateStage
from radraft.pipeline.draft import VisionModel
from radraft.reports.values import LANGS, Lang
from radraft.store.adapter_files import PROJECTOR
from tests.llm.cases import make_projector
from tests.vision_encoder.conftest import write_projector

CHECK = Check(
    code="edit_distance",
    passed=False,
    value=-0.0123,
    low=-0.04,
    high=0.0151,
    limit=0.0,
    candidate=0.3377,
    serving=0.35,
    n=64,
    detail={"cases": ["c-1", "c-2"], "p": 0.0004, "rate": 0.42},
)


@pytest.mark.parametrize("code", [*MANDATORY, *QUESTIONS])
@pytest.mark.parametrize("passed", [True, False])
@pytest.mark.parametrize("lang", LANGS)
def test_every_check_has_a_sentence_with_its_figures(code: str, passed: bool, lang: Lang) -> None:
    check = replace(CHECK, code=code, passed=passed)
    told, other = sentence(check, lang), sentence(replace(check, passed=not passed), lang)
    assert told != other
    assert "{" not in told
    assert any(figure in told for figure in ("-0.012", "34%", "64", "c-1", "-0"))
    assert sentence(check, "en").isascii()
    missing = replace(check, passed=False, value=None, detail={"missing": True})
    assert code in sentence(missing, lang)


@pytest.mark.parametrize("lang", LANGS)
def test_what_could_not_be_measured_says_so(lang: Lang) -> None:
    for code in (*MANDATORY, *QUESTIONS):
        told = sentence(Check(code, True, None, None, None, None), lang)
        assert told
        assert "-0" not in told
        assert told != sentence(replace(CHECK, code=code, passed=True), lang)


def test_a_failed_figure_is_in_the_sentence() -> None:
    told = sentence(CHECK, "en")
    for figure in ("0.350", "0.338", "-0.012", "-0.040", "0.015"):
        assert figure in told


@pytest.mark.parametrize("lang", LANGS)
def test_invented_findings_that_were_let_pass_are_told(lang: Lang) -> None:
    detail = {"by": "stated_right", "right": 0.71, "right_low": 0.58, "right_least": 0.5}
    detail |= {"found": 0.66, "found_serving": 0.12}
    check = replace(CHECK, code="hallucinations_zh", passed=True, detail=detail)
    earned = sentence(check, lang)
    assert all(figure in earned for figure in ("71%", "58%", "50%", "66%", "12%"))
    assert earned != sentence(replace(check, detail=detail | {"by": "margin"}), lang)


def test_many_cases_are_cut() -> None:
    cases = [f"c-{number}" for number in range(30)]
    check = replace(CHECK, code="batch_sides_changed", detail={"p": 0.001, "cases": cases})
    told = sentence(check, "en")
    assert "c-19 ..." in told
    assert "c-20" not in told


def test_a_record_names_site_candidate_and_who_confirmed() -> None:
    record = GateRecord(
        site="site-a",
        stage=GateStage.ADAPTER,
        adapter_id="a-0123456789abcdef",
        serving_id=None,
        base="starter@1",
        passed=False,
        checks=(CHECK,),
        changed={},
        tested={},
        affects={},
        decided_at=datetime(2026, 11, 22, tzinfo=UTC),
        confirmed_by="Dr. Wang",
    )
    first, second, last = lines(record, "en")
    assert first == (
        "Stopped: the candidate a-0123456789abcdef of site-a, compared with the base model. "
        "Failed: edit_distance."
    )
    assert second == sentence(CHECK, "en")
    assert last == "Confirmed by Dr. Wang."
    batch = replace(record, stage=GateStage.BATCH, adapter_id=None, passed=True, confirmed_by=None)
    assert len(lines(batch, "zh")) == 2


def test_an_adapter_drafts_with_its_own_projector(tmp_path: Path) -> None:
    base = make_projector(tmp_path)
    vision = VisionModel(encoder=object(), projector=base)  # type: ignore[arg-type]
    own = tmp_path / "own"
    own.mkdir()
    assert Writer.of("a-1", own, vision).vision is vision
    write_projector(own / PROJECTOR, dim=32, width=base.width, seed=2)
    writer = Writer.of("a-1", own, vision)
    assert writer.vision is not None
    assert writer.vision.projector.projector_id != base.projector_id
    assert writer.vision.encoder is vision.encoder
    assert Writer.of(None, None, vision).vision is vision
