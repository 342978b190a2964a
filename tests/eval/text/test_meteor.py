from __future__ import annotations

import gzip
import json
import random
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from radraft.eval.text.meteor import tables
from radraft.eval.text.meteor.beam import align
from radraft.eval.text.meteor.candidates import candidates
from radraft.eval.text.meteor.score import Meteor, meteor_values, part
from radraft.eval.text.meteor.words import EXACT, PARAPHRASE, STEM, SYNONYM, Lexicon, java_hash
from tests.eval.text import plain_meteor
from tests.eval.text.samples import DATA, numbered

# Made-up tables in METEOR's formats: words of one number are synonyms.
SYNSETS = {
    "big": "1",
    "large": "1 2",
    "grand": "2",
    "child": "3",
    "kid": "3",
    "see": "4",
    "view": "4",
}
EXCEPTIONS = {"child": "children", "see": "saw seen"}
FUNCTION = ("the", "of", "is", "a")
PHRASES = [
    ("heart", "cardiac silhouette"),
    ("no evidence of", "no"),
    ("no", "without"),
    ("is seen", "is present"),
    ("the heart", "heart"),
    ("a b c", "c b"),
    ("a", "b"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("meteor")
    (place / "data").mkdir()
    with zipfile.ZipFile(place / "meteor-1.5.jar", "w") as jar:
        jar.writestr("synonym/english.synsets", _two_lines(SYNSETS))
        jar.writestr("synonym/english.exceptions", _two_lines(EXCEPTIONS))
        jar.writestr("function/english.words", "\n".join(FUNCTION) + "\n")
    lines = "".join(f"0.5\n{source}\n{target}\n" for source, target in PHRASES)
    with gzip.open(place / "data" / "paraphrase-en.gz", "wt", encoding="utf-8") as file:
        file.write(lines)
    return place


@pytest.fixture(scope="module")
def english(folder: Path) -> tables.Tables:
    return tables.load(folder, folder / "cache")


def _two_lines(table: dict[str, str]) -> str:
    return "".join(f"{one}\n{two}\n" for one, two in table.items())


def scored(english: tables.Tables, *pairs: tuple[str, str]) -> np.ndarray:
    refs, hyps, words = numbered([p[0].split() for p in pairs], [p[1].split() for p in pairs])
    return Meteor(english).statistics(refs, hyps, words)


def test_java_values_of_every_golden_pair() -> None:
    where = tables.find()
    if where is None:
        pytest.skip("pycocoevalcap, whose tables METEOR needs, is not installed")
    lines = (DATA / "meteor_goldens.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    pairs, corpus = rows[:-1], rows[-1]["corpus"]
    assert len(pairs) >= 200
    stats = scored(tables.load(where), *((row["ref"], row["hyp"]) for row in pairs))
    values = part(stats).per_report()[:, 0]
    np.testing.assert_allclose(values, [row["meteor"] for row in pairs], rtol=0, atol=1e-9)
    assert part(stats).corpus(None, values[:, None])[0] == pytest.approx(corpus, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("length", [6, 25, 90])
def test_search_is_the_plain_one(english: tables.Tables, length: int) -> None:
    """With 90 words of few kinds the beam overflows and a pair has more than 64 contested words."""
    draw = random.Random(length)
    kinds = [*"abc", "the", "heart", "cardiac", "silhouette", "no", "without", "big", "large"]
    kinds += ["grand", "kid", "children", "hearts"]
    pairs = [
        tuple(draw.choices(kinds, k=draw.randint(1, length)) for _ in range(2))
        for _ in range(60 if length < 90 else 4)
    ]
    pairs.append((pairs[0][0], pairs[0][0]))
    refs, hyps, words = numbered([p[0] for p in pairs], [p[1] for p in pairs])
    lexicon = Lexicon(english.words)
    found = candidates(refs, hyps, words, lexicon, english.paraphrases)
    chosen = align(found, refs.lengths, hyps.lengths)
    for place, (ref, hyp) in enumerate(pairs):
        plain = plain_meteor.matches(ref, hyp, lexicon, PHRASES)
        assert int((found.pair == place).sum()) == len(plain)
        path = plain_meteor.best(ref, plain)
        taken = chosen.candidate[found.pair[chosen.candidate] == place]
        columns = (
            found.stage,
            found.ref_start,
            found.ref_length,
            found.hyp_start,
            found.hyp_length,
        )
        mine = {tuple(int(column[number]) for column in columns) for number in taken}
        expected = {(m.stage, m.start, m.length, m.hyp_start, m.hyp_length) for m in path.matches}
        assert mine == expected
        assert chosen.chunks[place] == path.chunks


@pytest.mark.parametrize(
    ("ref", "hyp", "stage", "words"),
    [
        ("heart", "heart", EXACT, (1, 1)),
        ("hearts", "heart", STEM, (1, 1)),
        ("big", "large", SYNONYM, (1, 1)),
        ("children", "kid", SYNONYM, (1, 1)),
        ("viewed", "saw", SYNONYM, (1, 1)),
        ("cardiac silhouette", "heart", PARAPHRASE, (1, 2)),
        # In the search one equal word is worth more than the paraphrase of three words by one.
        ("no evidence of", "no", EXACT, (1, 1)),
    ],
)
def test_stages(
    english: tables.Tables, ref: str, hyp: str, stage: int, words: tuple[int, int]
) -> None:
    row = scored(english, (ref, hyp))[0]
    matched = row[5:].reshape(4, 4)
    hyp_words, ref_words = matched[:, [0, 2]].sum(axis=1), matched[:, [1, 3]].sum(axis=1)
    assert (hyp_words[stage], ref_words[stage]) == words
    assert hyp_words.sum() == words[0]


def test_score_of_one_pair_by_hand(english: tables.Tables) -> None:
    # Content words weigh 0.75 and function words 0.25; "large" matches "big" as a synonym (0.8).
    value = meteor_values(scored(english, ("the heart is big", "the heart is large now")))[0, 0]
    matched = 0.25 * 2 + 0.75 * (1 + 0.8)
    precision, recall = matched / (0.25 * 2 + 0.75 * 3), matched / (0.25 * 2 + 0.75 * 2)
    mean = 1 / (0.15 / precision + 0.85 / recall)
    # One chunk over four matched words of each side.
    assert value == pytest.approx(mean * (1 - 0.6 * (1 / 4) ** 0.2))


def test_equal_texts_score_one_and_none_in_common_zero(english: tables.Tables) -> None:
    stats = scored(english, ("the heart is big", "the heart is big"), ("x y", "z"), ("x", "x"))
    assert meteor_values(stats)[:, 0].tolist() == pytest.approx([1.0, 0.0, 1.0])
    assert meteor_values(stats[[0, 2]].sum(axis=0)[None])[0, 0] == pytest.approx(1.0)


@pytest.mark.slow
def test_a_draft_that_repeats_itself_is_scored_and_leaves_others_alone(
    english: tables.Tables,
) -> None:
    plain = ("the heart is big", "the heart is large now")
    stuck = ("the heart is the big one the", "the " * 2500)
    alone, other = scored(english, plain), scored(english, plain, stuck, ("x", "x " * 3001))
    assert (other[0] == alone[0]).all()
    assert other[1, 7] == other[1, 8] == 3
    assert np.isnan(meteor_values(other)[2, 0])


def test_words_are_equal_by_javas_hash() -> None:
    assert java_hash("as") == java_hash("c5") == 3122
    assert java_hash("polygenelubricants") == 2**31


def test_index_is_built_once_and_read_again(folder: Path, english: tables.Tables) -> None:
    cache = folder / "cache"
    before = {file.name: file.stat().st_mtime_ns for file in cache.rglob("*") if file.is_file()}
    again = tables.paraphrases(folder, cache)
    assert {f.name: f.stat().st_mtime_ns for f in cache.rglob("*") if f.is_file()} == before
    assert again.words == english.paraphrases.words
    assert len(again.target) == len(PHRASES)
    assert again.listed(np.asarray(again.source)).all()


def test_no_tables_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocoevalcap", None)
    assert tables.find() is None
