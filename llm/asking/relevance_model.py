"""What was learned of questions and reports: which sentence speaks of what is asked, by what
chance, and what then becomes of the question.

`bench/ask_relevance.py` trains it and `relevance.json` holds it; its card is in docs/asking.md.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast

import numpy as np

from radraft.llm.asking.boosted_trees import BoostedTrees
from radraft.llm.asking.features import Features, ranked
from radraft.llm.asking.values import Outcome
from radraft.llm.sentences import Array

OUTCOMES = (
    Outcome.ANSWERED,
    Outcome.CORRECTED,
    Outcome.UNCERTAIN,
    Outcome.NOT_MENTIONED,
    Outcome.CANNOT_ANSWER,
)
"""What it tells apart. What rules refuse, or say that no report answers, it does not see."""
_TOLD = (
    "side", "spot", "sizes", "contradicts", "says_absent", "says_uncertain", "hedged", "limited",
    "hit", "hit_things", "hit_absent", "hit_uncertain", "hit_side", "hit_place", "match",
    "match_here", "match_whole", "match_measured", "quoted", "gives", "length", "change",
    "places_same", "places_wider", "concepts", "concepts_wider", "vocabulary", "shared", "near",
    "near_spread", "near_margin", "mapped", "mapped_spread", "mapped_margin", "sided", "says",
    "advises", "others_near", "others_mapped", "field_asked", "is_technique", "is_quality",
    "is_history", "is_people", "is_time", "is_alert", "hit_unknown", "numbers_same", "clause",
    "clause_spread", "clause_content", "clause_content_spread", "near_content", "others_content",
    "conflict",
)  # fmt: skip
"""What the outcome is read from of sentences: that of the likeliest, and the mean by chance."""


@dataclass(frozen=True)
class SentenceMap:
    """A form of two vectors that was fitted to questions and the sentences that answer them."""

    question_means: Array
    """(2, 384), of questions in Chinese and in other words."""
    sentence_mean: Array
    question: Array
    """(384, r)"""
    sentence: Array
    """(384, r)"""

    def sought(self, question: Array, chinese: float) -> Array:
        """Return (384,): what the vector of a sentence that answers a question (384,) is near to.

        The question is taken without what its language has in common in both parts: left in, it
        brings whatever sentences lie nearest to that language to the top."""
        asked = centred(question, chinese, self.question_means)
        return asked + self.sentence @ (asked @ self.question)

    def scores(self, question: Array, chinese: float, sentences: Array) -> Array:
        """Return (n,) for a question (384,) and sentences (n, 384): higher is nearer."""
        return cast(Array, (sentences - self.sentence_mean) @ self.sought(question, chinese))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, matrices in half precision."""
        return {
            "rank": self.question.shape[1],
            **{
                name: _halves(getattr(self, name))
                for name in ("question_means", "sentence_mean", "question", "sentence")
            },
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> SentenceMap:
        """Read what `as_json` gave."""
        rank = int(data["rank"])
        return cls(
            _of_halves(data["question_means"]).reshape(2, -1),
            _of_halves(data["sentence_mean"]),
            _of_halves(data["question"]).reshape(-1, rank),
            _of_halves(data["sentence"]).reshape(-1, rank),
        )


@dataclass(frozen=True)
class QuestionMap:
    """A linear form of a question's vector for each thing that questions were found to be: what
    they ask for, and what became of them. In whatever words and language."""

    names: tuple[str, ...]
    means: Array
    """(2, 384), of questions in Chinese and in other words."""
    weights: Array
    """(384, names)"""
    base: Array
    """(names,)"""

    def read(self, question: Array, chinese: float) -> dict[str, float]:
        """Return a number for each name, of a question's vector (384,)."""
        found = centred(question, chinese, self.means) @ self.weights + self.base
        return dict(zip(self.names, map(float, found), strict=True))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, in half precision."""
        return {
            "names": list(self.names),
            **{name: _halves(getattr(self, name)) for name in ("means", "weights", "base")},
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> QuestionMap:
        """Read what `as_json` gave."""
        names = tuple(data["names"])
        weights = _of_halves(data["weights"]).reshape(-1, len(names))
        means = _of_halves(data["means"]).reshape(2, -1)
        return cls(names, means, weights, _of_halves(data["base"]))


def centred(question: Array, chinese: float, means: Array) -> Array:
    """Return a question's vector without what those of its language, or of both as they are mixed,
    have in common: a question is then about the same in either."""
    return cast(Array, question - (chinese * means[0] + (1 - chinese) * means[1]))


def _halves(value: Array) -> str:
    return base64.b64encode(np.asarray(value, "<f2").tobytes()).decode()


def _of_halves(text: str) -> Array:
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32)


@dataclass(frozen=True)
class OtherReports:
    """Sentences of other reports: where one of them lies nearer to a question than all of the open
    report, the open report may well say nothing of it."""

    vectors: Array
    """(b, 384), as those of a report's sentences."""

    def nearer(self, scores: Array, of_others: Array) -> Array:
        """Return (n,): the share of the others that lie nearer than each sentence, from scores (n,)
        and (b,)."""
        order = np.sort(of_others)
        above = len(order) - np.searchsorted(order, scores, side="right")
        return cast(Array, (above / max(len(order), 1)).astype(np.float32))

    def as_json(self) -> dict[str, Any]:
        """Return them as plain values, a byte a number."""
        scale = float(np.abs(self.vectors).max(initial=1e-6)) / 127
        whole = np.rint(self.vectors / scale).astype("i1")
        return {"scale": scale, "vectors": base64.b64encode(whole.tobytes()).decode()}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> OtherReports:
        """Read what `as_json` gave."""
        whole = np.frombuffer(base64.b64decode(data["vectors"]), "i1").astype(np.float32)
        return cls(whole.reshape(-1, 384) * np.float32(data["scale"]))


@dataclass(frozen=True)
class Limits:
    """Where chances become a decision. Chosen by cross-validation."""

    costs: tuple[tuple[float, ...], ...]
    """(taken, true), both in the order of `OUTCOMES`: what it costs to take one for the other."""
    quoted: float
    """A sentence is quoted from this share of the likeliest's chance on."""
    most: int
    """Most sentences that are quoted for their chance."""
    kept: float
    """A sentence that the rules quote stays from this share of the likeliest's chance on."""
    sure: float
    """Yes or no is said where a sentence that the rules took it from has this share of the
    likeliest's chance."""


@dataclass(frozen=True)
class Judgement:
    """What the model makes of a question and a report."""

    chances: Array
    """(n,): of each sentence that it is among those that answer."""
    outcomes: Array
    """(5,): chances of `OUTCOMES`."""

    @property
    def order(self) -> list[int]:
        """The sentences, likeliest first."""
        return [int(at) for at in np.argsort(-self.chances, kind="stable")]


class RelevanceModel:
    """The model of one file."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """`data`: see `bench/ask_relevance.py`. KeyError, TypeError or ValueError where it is not
        of that form."""
        self.map = SentenceMap.of_json(data["map"])
        self.questions = QuestionMap.of_json(data["questions"])
        self.others = OtherReports.of_json(data["others"])
        self._names: tuple[str, ...] = tuple(data["sentences"]["names"])
        self._trees = BoostedTrees(data["sentences"]["trees"])
        self._outcome_names: tuple[str, ...] = tuple(data["outcomes"]["names"])
        self._outcome_trees = [BoostedTrees(one) for one in data["outcomes"]["trees"]]
        limits = data["limits"]
        self.limits = Limits(
            tuple(tuple(map(float, row)) for row in limits["costs"]),
            float(limits["quoted"]),
            int(limits["most"]),
            float(limits["kept"]),
            float(limits["sure"]),
        )

    def judge(self, found: Features) -> Judgement:
        """Return the chances of a question's sentences and outcomes."""
        whole = with_map(found, self.map, self.others)
        chances = _logistic(self._trees.leaves(whole.table(self._names)).sum(axis=1))
        told = outcome_features(whole, chances, self.questions)
        row = np.array([[told[name] for name in self._outcome_names]], np.float32)
        scores = np.array([trees.leaves(row).sum() for trees in self._outcome_trees])
        power = np.exp(scores - scores.max())
        return Judgement(chances, power / power.sum())


def with_map(found: Features, fitted: SentenceMap, others: OtherReports) -> Features:
    """Return features with what the map says of each sentence, and how it lies beside
    sentences of other reports."""
    near, question = found.vectors, found.vectors.question
    scores = fitted.scores(question, near.chinese, near.sentences)
    columns = {
        **found.of_sentences,
        **ranked("mapped", scores),
        "others_near": others.nearer(near.sentences @ question, others.vectors @ question),
        "others_mapped": others.nearer(
            scores, fitted.scores(question, near.chinese, others.vectors)
        ),
        "others_content": others.nearer(
            near.sentences @ near.content, others.vectors @ near.content
        ),
    }
    of_question = dict(found.of_question)
    for name in ("others_near", "others_mapped", "others_content"):
        of_question[f"least_{name}"] = float(columns[name].min(initial=1.0))
    return Features(found.sentences, columns, of_question, found.vectors)


def outcome_features(found: Features, chances: Array, questions: QuestionMap) -> dict[str, float]:
    """Return what the outcome is read from. `found` has a sentence at least."""
    order = np.argsort(-chances, kind="stable")
    top, weights = order[0], chances / max(float(chances.sum()), 1e-6)
    quoted = found.of_sentences["quoted"] > 0
    told = {**found.of_question, **questions.read(found.vectors.question, found.vectors.chinese)}
    for rank in range(3):
        told[f"chance_{rank}"] = float(chances[order[rank]]) if rank < len(order) else 0.0
    told["chances"] = float(chances.sum())
    told["no_chance"] = float(np.prod(1 - chances))
    told["chance_quoted"] = float(chances[quoted].max()) if quoted.any() else -1.0
    told["chance_quoted_least"] = float(chances[quoted].min()) if quoted.any() else -1.0
    told["top_is_quoted"] = float(quoted[top])
    for name in _TOLD:
        column = found.of_sentences[name]
        told[f"top_{name}"] = float(column[top])
        told[f"mean_{name}"] = float((weights * column).sum())
    return told


def _logistic(scores: Array) -> Array:
    return cast(Array, 1 / (1 + np.exp(-scores)))


@cache
def relevance_model() -> RelevanceModel:
    """The project's own."""
    path = files("radraft.llm.asking").joinpath("relevance.json")
    return RelevanceModel(json.loads(path.read_text(encoding="utf-8")))
