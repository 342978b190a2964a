from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from radraft.core.errors import EvalError, message
from radraft.eval.text.meteor import tables
from radraft.eval.text.score import CHUNK, TextScores, score_texts
from radraft.eval.values import Better, Pair
from radraft.reports.values import Lang
from tests.eval.text.samples import texts

ZH = (
    "右肺上叶见磨玻璃影",
    "未见胸腔积液",
    "心影不大",
    "双肺纹理增多",
    "所见骨质未见异常",
    "CT平扫",
)
EN = ("The heart is normal.", "No effusion.", "Lungs are clear.", "Opacity at the left base, 5 mm.")
PARTS = {"en": EN, "zh": ZH}


@pytest.fixture(autouse=True)
def no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """METEOR has its own tests: these hold with and without its tables."""
    monkeypatch.setattr(tables, "find", lambda: None)


def pairs(lang: Lang, count: int = 30) -> list[Pair]:
    if lang == "en":
        refs, hyps = texts(count)
    else:
        refs = ["，".join(ZH[i % 5 : i % 5 + 3]) + "。" for i in range(count)]
        hyps = ["，".join(ZH[i % 4 : i % 4 + 2]) + "。" for i in range(count)]
    return [Pair(str(i), *pair) for i, pair in enumerate(zip(refs, hyps, strict=True))]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_measures_values_and_notes_go_together(lang: Lang) -> None:
    scores = score_texts(pairs(lang), lang)
    names = [measure.name for measure in scores.measures]
    assert len(set(names)) == len(names)
    assert list(scores.corpus()) == names == list(scores.per_report)
    assert all(values.shape == (30,) for values in scores.per_report.values())
    assert all(len(message(code, {})) == 2 for code in scores.notes)
    assert scores.notes == (
        ("text_meteor_tables",) if lang == "en" else ("text_meteor_english_only",)
    )
    units = {"en": [""], "zh": ["_char", "_word"]}[lang]
    for unit in units:
        assert {f"bleu{n}_coco{unit}" for n in range(1, 5)} <= set(names)
        assert {f"rouge_l_coco{unit}", f"cider{unit}", f"length_ratio{unit}"} <= set(names)
    assert {"bleu_sacre", "chrf", "edit_distance"} <= set(names)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_equal_texts_score_best(lang: Lang) -> None:
    same = [Pair(pair.id, pair.ref, pair.ref) for pair in pairs(lang)]
    same = [pair for pair in same if len(pair.ref) > 12]
    scores = score_texts(same, lang)
    other = score_texts([Pair(p.id, p.ref, q.ref) for p, q in pairwise(same)], lang)
    for measure in scores.measures:
        value, worse = scores.corpus()[measure.name], other.corpus()[measure.name]
        if measure.better is Better.HIGHER:
            assert value > worse
        if measure.name == "edit_distance":
            assert value == 0.0
        elif measure.name in ("bleu_sacre", "chrf"):
            assert value == pytest.approx(100.0)
        elif not measure.name.startswith("cider"):
            assert value == pytest.approx(1.0, abs=1e-6)
    for name, values in scores.per_report.items():
        if name.startswith("cider"):
            assert values.max() <= 10.0 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "zh"])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_laws(lang: Lang, data: st.DataObject) -> None:
    report = st.lists(st.sampled_from(PARTS[lang]), min_size=1, max_size=4).map("。".join)
    drawn = data.draw(st.lists(st.tuples(report, report), min_size=2, max_size=8))
    given_pairs = [Pair(str(i), ref, hyp) for i, (ref, hyp) in enumerate(drawn)]
    scores = score_texts(given_pairs, lang)
    whole = scores.corpus()
    order = data.draw(st.permutations(range(len(given_pairs))))
    shuffled = score_texts([given_pairs[i] for i in order], lang)
    every = scores.corpus(np.arange(len(given_pairs)))
    for name, value in whole.items():
        assert every[name] == pytest.approx(value, nan_ok=True)
        assert shuffled.corpus()[name] == pytest.approx(value, nan_ok=True)
        top = 100.0 if name in ("bleu_sacre", "chrf") else 10.0 if name.startswith("cider") else 1.0
        if not name.startswith("length"):
            assert -1e-9 <= value <= top + 1e-6
            assert all(-1e-9 <= v <= top + 1e-6 for v in scores.per_report[name])
        again = scores.per_report[name][np.array(order)]
        np.testing.assert_allclose(shuffled.per_report[name], again, atol=1e-9)


def test_a_resample_is_scored_as_if_it_had_been_read() -> None:
    given_pairs = pairs("en")
    scores = score_texts(given_pairs, "en")
    index = np.array([3, 3, 7, 0, 21])
    drawn = scores.corpus(index)
    read = score_texts([given_pairs[i] for i in index], "en").corpus()
    for name, value in read.items():
        if name == "cider":  # keeps the whole set's document frequencies
            assert drawn[name] == pytest.approx(scores.per_report["cider"][index].mean())
        else:
            assert drawn[name] == pytest.approx(value)
    assert all(np.isnan(value) for value in scores.corpus(np.array([], dtype=np.int64)).values())


def test_a_stream_in_chunks_equals_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    given_pairs = pairs("en")
    whole = score_texts(given_pairs, "en")
    assert len(given_pairs) < CHUNK
    monkeypatch.setattr("radraft.eval.text.score.CHUNK", 7)
    done: list[int] = []
    parts = score_texts((pair for pair in given_pairs), "en", progress=done.append)
    assert done == [7, 14, 21, 28, 30]
    equal(whole, parts)


@pytest.mark.slow
def test_fresh_processes_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given_pairs = pairs("zh", 6)
    monkeypatch.setattr("radraft.eval.text.score.CHUNK", 3)
    equal(score_texts(given_pairs, "zh"), score_texts(given_pairs, "zh", workers=2))


def equal(one: TextScores, two: TextScores) -> None:
    assert one.corpus() == pytest.approx(two.corpus())
    for name, values in one.per_report.items():
        np.testing.assert_allclose(values, two.per_report[name], atol=1e-12)


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(EvalError) as raised:
        score_texts([], "en")
    assert raised.value.code == "text_no_pairs"


def test_texts_without_a_word_are_undefined_not_perfect() -> None:
    scores = score_texts([Pair("1", "...", "..."), Pair("2", "a b", "a b")], "en")
    assert np.isnan(scores.per_report["rouge_l_f1"][0])
    assert scores.corpus()["rouge_l_f1"] == pytest.approx(1.0)


def test_import_is_light() -> None:
    code = "import sys, json, radraft.eval.text.score; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "sacrebleu", "rjieba", "nltk", "snowballstemmer", "pycocoevalcap", "pandas"}
    assert not heavy & set(json.loads(run.stdout))
