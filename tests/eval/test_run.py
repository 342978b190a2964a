"""Drafts of a set, scored: what failed stays in, both languages, the worst first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from radraft.core.errors import EvalError
from radraft.eval.cache import Cache
from radraft.eval.report.markdown import markdown, tables
from radraft.eval.result import Drafting, Result, Support, Value, read_result
from radraft.eval.run import Outcome, check_out, evaluate
from radraft.eval.score import Scorer
from radraft.eval.values import NOTHING, Drafted, EvalSet, SetCard, SetItem
from radraft.reports.values import Certainty
from radraft.ui.pages.evaluation.page import page
from radraft.ui.pages.evaluation.write import write

CARD = SetCard("made", "made up", "none", "test", "ab" * 32)
PRESENT, ABSENT = Certainty.PRESENT, Certainty.ABSENT
EFFUSION = ("左侧胸腔积液。", "Left pleural effusion.")
CLEAR = ("双肺清晰。", "The lungs are clear.")
PNEUMOTHORAX = ("右侧气胸。", "Right pneumothorax.")


def drafted(key: str, *sentences: tuple[str, str], **changes: object) -> Drafted:
    zh, en = (tuple(sentence[at] for sentence in sentences) for at in (0, 1))
    return replace(Drafted(key, zh, en), **changes)


def chosen(*items: SetItem) -> EvalSet:
    return EvalSet(CARD, items)


def labelled(key: str, **labels: Certainty) -> SetItem:
    return SetItem(key, Path("none.dcm"), labels)


def reported(key: str, text: tuple[str, str]) -> SetItem:
    return SetItem(key, Path("none.dcm"), report_zh=text[0], report_en=text[1])


def scorer() -> Scorer:
    return Scorer(Cache(None), resamples=50)


def value(result: Result, section: str, name: str) -> Value:
    (found,) = (one for one in result.sections if one.key == section)
    return next(one for one in found.values if one.measure.name == name)


def labels_outcome(*drafts: Drafted) -> Outcome:
    items = [labelled(draft.id, pleural_effusion=PRESENT, pneumothorax=ABSENT) for draft in drafts]
    return evaluate(chosen(*items), drafts, "m", scorer(), pictures=False)


def test_a_failed_draft_misses_and_invents_nothing() -> None:
    drafts = (
        drafted("good", EFFUSION),
        drafted("failed", failed="llm_timeout"),
        drafted("beyond", failed="not_covered"),
        drafted("wrong", PNEUMOTHORAX),
    )
    result = labels_outcome(*drafts).result
    assert result.drafting is not None
    assert (result.drafting.items, result.drafting.drafted, result.drafting.not_covered) == (
        4,
        2,
        1,
    )
    assert result.drafting.failed == {"llm_timeout": 1}
    for lang in ("zh", "en"):
        key = f"labels_{lang}"
        assert value(result, key, "finding_recall_micro").value == 0.25
        assert value(result, key, "finding_precision_micro").value == 0.5
        assert value(result, key, "missed_per_report").value == 0.75
        assert value(result, key, "hallucinated_per_report").value == 0.25
        (row,) = (finding for finding in result.findings[key] if finding.code == "pleural_effusion")
        assert (row.positives, row.stated, row.both, row.f1) == (4, 1, 1, 0.4)


def test_failures_stay_out_of_the_agreement_of_languages() -> None:
    drafts = (drafted("a", EFFUSION), drafted("b", failed="llm_timeout"))
    assert value(labels_outcome(*drafts).result, "agreement", "zh_en_agreement").n == 1
    nothing = labels_outcome(drafted("b", failed="llm_timeout")).result
    assert [section.key for section in nothing.sections] == ["labels_zh", "labels_en"]


def test_the_worst_come_first_and_the_right_ones_not_at_all() -> None:
    outcome = labels_outcome(
        drafted("right", EFFUSION), drafted("one", CLEAR), drafted("two", PNEUMOTHORAX)
    )
    assert [case.id for case in outcome.cases] == ["two", "one"]
    column = outcome.cases[0].columns[1]
    assert [(span.text, span.kind) for span in column.hyp] == [
        ("Right ", ""), ("pneumothorax", "hallucinated"), (".", ""),
    ]  # fmt: skip
    assert column.errors.missed == ("pleural_effusion",)


def test_reports_are_scored_in_both_languages_with_their_sides() -> None:
    right_side = ("右侧胸腔积液。", "Right pleural effusion.")
    items = chosen(reported("a", EFFUSION), reported("b", CLEAR), reported("c", EFFUSION))
    outcome = evaluate(
        items,
        (drafted("a", right_side), drafted("b", CLEAR), drafted("c", EFFUSION)),
        "m",
        scorer(),
        pictures=False,
    )
    keys = [section.key for section in outcome.result.sections]
    assert keys == ["text_zh", "clinical_zh", "text_en", "clinical_en", "agreement"]
    for lang in ("zh", "en"):
        assert value(outcome.result, f"clinical_{lang}", "laterality_error_rate").value == 0.5
        assert value(outcome.result, f"clinical_{lang}", "finding_f1_micro").value == 1.0
    (case,) = outcome.cases
    assert case.columns[1].errors.wrong_side == ("pleural_effusion",)
    assert ("pleural effusion", "wrong_side") in [
        (span.text.removeprefix("Right ").removeprefix("Left "), span.kind)
        for span in case.columns[1].ref or ()
    ]


def test_a_prior_that_is_not_there_is_counted_where_that_is_known() -> None:
    stable = ("较前片对比，左侧胸腔积液无变化。", "Unchanged left pleural effusion.")
    items = chosen(reported("a", EFFUSION), replace(reported("b", EFFUSION), has_prior=True))
    result = evaluate(
        items, (drafted("a", stable), drafted("b", stable)), "m", scorer(), pictures=False
    ).result
    found = value(result, "clinical_en", "hallucinated_prior_rate")
    assert (found.value, found.n) == (1.0, 1)


def test_nothing_is_a_text_that_states_nothing() -> None:
    failed = drafted("a", failed="x")
    assert failed.text("zh") == failed.text("en") == NOTHING
    assert drafted("a", EFFUSION, CLEAR).text("en") == (
        "Left pleural effusion.\nThe lungs are clear."
    )


def test_an_empty_draft_overlaps_with_nothing() -> None:
    items = chosen(reported("a", EFFUSION), reported("b", CLEAR))
    failed = tuple(drafted(key, failed="llm_timeout") for key in "ab")
    result = evaluate(items, failed, "m", scorer(), pictures=False).result
    for lang in ("zh", "en"):
        for section in result.sections:
            if section.key == f"text_{lang}":
                overlaps = [one for one in section.values if "bleu" in one.measure.name]
                assert overlaps
                assert all(overlap.value == 0 for overlap in overlaps)


def test_support_is_set_against_correctness() -> None:
    items = chosen(labelled("a", pleural_effusion=PRESENT, pneumothorax=ABSENT), labelled("b"))
    drafts = (
        drafted("a", EFFUSION, PNEUMOTHORAX, support=(2.0, -1.0)),
        drafted("b", EFFUSION, support=(1.5,)),
    )
    found = evaluate(items, drafts, "m", scorer(), pictures=False).result.calibration
    assert found is not None
    assert (found.sentences, found.correct, found.auroc) == (2, 1, 1.0)
    assert labels_outcome(drafted("a", EFFUSION)).result.calibration is None


def test_support_that_nothing_can_check_is_still_reported() -> None:
    outcome = labels_outcome(drafted("a", ("天气晴。", "Fine weather."), support=(3.5,)))
    assert outcome.result.calibration is None
    assert outcome.result.support == Support(sentences=1, positive=1, mean=3.5, checked=0)
    for text in (markdown(outcome.result), page(outcome.result, outcome.cases)):
        assert "measured on 1 sentences, mean +3.5 nats, 1 positive; 0 of them" in text
    assert labels_outcome(drafted("a", EFFUSION)).result.support is None


def test_the_second_time_nothing_is_scored_again(tmp_path: Path) -> None:
    seen: list[str] = []
    made = Scorer(Cache(tmp_path), resamples=50, move=lambda text, part: seen.append(text))
    items = chosen(labelled("a", pleural_effusion=PRESENT))
    first = evaluate(items, (drafted("a", EFFUSION),), "m", made, pictures=False)
    assert seen
    seen.clear()
    assert evaluate(items, (drafted("a", EFFUSION),), "m", made, pictures=False) == first
    assert seen == []
    evaluate(items, (drafted("a", CLEAR),), "m", made, pictures=False)
    assert seen


def test_the_result_of_something_else_is_not_written_over(tmp_path: Path) -> None:
    items = chosen(labelled("a", pleural_effusion=PRESENT))
    outcome = evaluate(items, (drafted("a", EFFUSION),), "m", scorer(), pictures=False)
    check_out(tmp_path, items, "m")
    write(outcome.result, outcome.cases, tmp_path)
    check_out(tmp_path, items, "m")
    with pytest.raises(EvalError, match="eval_out_not_empty"):
        check_out(tmp_path, items, "another")
    with pytest.raises(EvalError, match="eval_out_not_empty"):
        check_out(tmp_path, EvalSet(replace(CARD, sha256="0" * 64), items.items), "m")
    assert read_result(tmp_path).model == "m"


def test_a_result_counts_and_names_what_the_gate_withheld() -> None:
    drafts = [
        Drafted("poor", (), (), failed="withheld_by_quality"),
        Drafted("well", ("双肺清晰。",), ("The lungs are clear.",)),
        Drafted("knee", (), (), failed="not_covered"),
        Drafted("down", (), (), failed="llm_timeout"),
    ]
    items = chosen(*(labelled(draft.id, pneumothorax=Certainty.PRESENT) for draft in drafts))
    found = evaluate(items, drafts, "m", scorer(), quality_gate=True, pictures=False).result
    assert found.drafting == Drafting(4, 1, 1, {"llm_timeout": 1}, True, ("poor",))
    assert found.as_json()["drafting"]["withheld"] == ["poor"]
    table = tables(found)
    assert "withheld by quality: 1 (poor)" in table
    open_run = evaluate(items, drafts, "m", scorer(), pictures=False).result
    assert "The quality gate was off" in tables(open_run)
