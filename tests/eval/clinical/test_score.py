"""From texts to clinical scores, in both languages."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import EvalError
from radraft.eval.clinical.score import CHUNK, score_clinical, score_labels
from radraft.eval.values import Pair
from radraft.reports.values import Certainty, Lang
from tests.eval.clinical.builders import same
from tests.eval.clinical.test_laws import SIDED, assert_equal

SIDES = {"zh": ("左侧", "右侧"), "en": ("left", "right")}
# {0} is a side. Statements that stand on their own in any order.
SENTENCES: dict[Lang, tuple[str, ...]] = {
    "zh": (
        "{0}胸腔见少量积液。",
        "{0}气胸。",
        "{0}肺下叶实变。",
        "{0}第五肋骨骨折。",
        "未见{0}气胸。",
        "心影增大。",
        "气管插管位置可。",
        "{0}肺上叶结节，不除外转移。",
        "未见肺水肿。",
    ),
    "en": (
        "There is a small {0} pleural effusion.",
        "There is a {0} pneumothorax.",
        "There is consolidation in the {0} lower lobe.",
        "There is a fracture of the {0} fifth rib.",
        "No {0} pneumothorax.",
        "The cardiac silhouette is enlarged.",
        "An endotracheal tube is in place.",
        "Possible nodule in the {0} upper lobe.",
        "No pulmonary edema.",
    ),
}
LANGS: tuple[Lang, ...] = ("zh", "en")
both_languages = pytest.mark.parametrize("lang", LANGS)
chosen = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=5)
Chosen = list[tuple[int, bool]]


def _text(lang: Lang, sentences: Chosen, *, mirrored: bool = False) -> str:
    return " ".join(
        SENTENCES[lang][at].format(SIDES[lang][right ^ mirrored]) for at, right in sentences
    )


def _corpus(lang: Lang, ref: str, hyp: str) -> dict[str, float]:
    return score_clinical([Pair("1", ref, hyp)], lang).corpus()


@both_languages
@given(chosen)
def test_a_perfect_hypothesis(lang: Lang, ref: Chosen) -> None:
    values = _corpus(lang, _text(lang, ref), _text(lang, ref))
    assert values["hallucinated_per_report"] == values["missed_per_report"] == 0
    assert values["laterality_errors_per_report"] == 0
    assert values["severity_score_sided"] == 1
    assert values["finding_f1_micro"] in (1, pytest.approx(math.nan, nan_ok=True))


@pytest.mark.slow
@both_languages
@given(chosen, chosen)
def test_mirrored_words_change_only_what_is_about_sides(
    lang: Lang, ref: Chosen, hyp: Chosen
) -> None:
    straight = _corpus(lang, _text(lang, ref), _text(lang, hyp))
    mirrored = _corpus(lang, _text(lang, ref), _text(lang, hyp, mirrored=True))
    same(straight, mirrored, but=tuple(SIDED))


@pytest.mark.slow
@both_languages
@given(chosen, chosen, st.data())
def test_the_order_of_sentences_changes_nothing(
    lang: Lang, ref: Chosen, hyp: Chosen, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(hyp))
    same(
        _corpus(lang, _text(lang, ref), _text(lang, hyp)),
        _corpus(lang, _text(lang, ref), _text(lang, shuffled)),
    )


@pytest.mark.slow
@both_languages
@given(chosen, chosen)
def test_a_negated_sentence_adds_no_hallucination(lang: Lang, ref: Chosen, hyp: Chosen) -> None:
    more = {"zh": "未见肺大疱及胸膜增厚。", "en": "No bullae or pleural thickening."}[lang]
    reference, text = _text(lang, ref), _text(lang, hyp)
    before, after = _corpus(lang, reference, text), _corpus(lang, reference, f"{text} {more}")
    name = "hallucinated_per_report"
    assert after[name] == before[name]


def test_by_hand_in_english() -> None:
    pairs = [
        Pair("1", "Small left pleural effusion. No pneumothorax.", "Right pleural effusion."),
        Pair("2", "The heart is enlarged.", "Unchanged cardiomegaly compared with prior exam."),
        Pair("3", "There is a pneumothorax.", "The lungs are clear. No pneumothorax."),
    ]
    scores = score_clinical(pairs, "en", [False, False, True])
    values = scores.corpus()
    assert values["finding_f1_micro"] == pytest.approx(2 * 2 / (2 * 2 + 0 + 1))
    assert values["laterality_error_rate"] == 1
    assert values["critical_recall"] == 0
    assert values["hallucinated_prior_rate"] == 1 / 2
    assert values["unmatched_prior_rate"] == 1 / 3
    assert scores.breakdown(0).wrong_side == ("pleural_effusion",)
    assert scores.breakdown(1).claims_absent_prior is True
    assert scores.breakdown(2).missed == ("pneumothorax",)


def test_an_unknown_prior_gives_no_rate() -> None:
    scores = score_clinical([Pair("1", "No pneumothorax.", "No pneumothorax.")], "en")
    assert math.isnan(scores.corpus()["hallucinated_prior_rate"])
    assert scores.breakdown(0).claims_absent_prior is None


@pytest.mark.slow
def test_processes_give_the_same() -> None:
    texts = [_text("en", [(at % 9, at % 2 == 0), (at % 7, at % 3 == 0)]) for at in range(29)]
    pairs = [Pair(str(at), texts[at % 29], texts[at * at % 29]) for at in range(2 * CHUNK + 1)]
    alone, calls = score_clinical(pairs, "en"), []
    together = score_clinical(
        pairs, "en", workers=2, progress=lambda done, total: calls.append((done, total))
    )
    np.testing.assert_array_equal(alone.events, together.events)
    assert_equal(alone.corpus(), together.corpus())
    assert calls == [(CHUNK, 2 * CHUNK + 1), (2 * CHUNK, 2 * CHUNK + 1), (2 * CHUNK + 1,) * 2]


def test_labels_count_only_what_was_labelled() -> None:
    labels = [
        {"pneumonia": Certainty.PRESENT, "pneumothorax": Certainty.ABSENT},
        {"pneumothorax": Certainty.ABSENT, "cardiomegaly": Certainty.ABSENT},
        {"pneumothorax": Certainty.PRESENT},
        {},
    ]
    hyps = [
        "Findings are in keeping with pneumonia. There is a left pleural effusion.",
        "There is a pneumothorax.",
        "No pneumothorax.",
        "There is a pneumothorax.",
    ]
    scores = score_labels(labels, hyps, "en")
    values = scores.corpus()
    # Right: pneumonia. Invented: pneumothorax of the second. Missed: that of the third. Silence
    # on what is labelled absent is no error, and what has no label does not count.
    assert values["finding_precision_micro"] == 1 / 2
    assert values["finding_recall_micro"] == 1 / 2
    assert values["hallucinated_per_report"] == 1 / 4
    assert values["missed_per_report"] == 1 / 4
    assert values["critical_recall"] == 0
    assert values["critical_false_alarms_per_report"] == 1 / 4
    assert "finding_f1_micro_sided" not in values
    assert "severity_score" not in values
    assert scores.breakdown(1).hallucinated == ("pneumothorax",)


def test_a_labelled_variant_is_its_finding() -> None:
    labels = [{"enlarged_cardiac_silhouette": Certainty.PRESENT, "cardiomegaly": Certainty.ABSENT}]
    scores = score_labels(labels, ["Cardiomegaly."], "en")
    assert scores.corpus()["finding_f1_micro"] == 1


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: score_labels([{}], [], "en"), "eval_lengths_differ"),
        (lambda: score_labels([{"ache": Certainty.PRESENT}], ["x"], "en"), "eval_unknown_finding"),
        (lambda: score_clinical([Pair("1", "a", "b")], "en", []), "eval_lengths_differ"),
    ],
)
def test_what_cannot_be_scored(call: Callable[[], object], code: str) -> None:
    with pytest.raises(EvalError) as caught:
        call()
    assert caught.value.code == code


def test_no_pairs() -> None:
    scores = score_clinical([], "en")
    assert all(math.isnan(value) for value in scores.corpus().values())
    assert scores.per_code() == {}
