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
from radraft.llm.asking.similarity import Vectors
from radraft.llm.asking.values import Outcome
from radraft.llm.sentences import Array

OUTCOMES = (Outcome.ANSWERED, Outcome.CORRECTED, Outcome.UNCERTAIN, Outcome.NOT_MENTIONED)
"""What it tells apart; everything else is the rules'."""
_TOLD = (
    "side", "spot", "sizes", "contradicts", "says_absent", "says_uncertain", "hedged", "limited",
    "hit", "hit_things", "hit_absent", "hit_uncertain", "hit_side", "hit_place", "match",
    "match_here", "match_whole", "match_measured", "quoted", "gives", "length", "change",
    "places_same", "places_wider", "concepts", "concepts_wider", "vocabulary", "shared", "near",
    "near_spread", "near_margin", "mapped", "mapped_spread", "mapped_margin", "sided", "says",
    "advises",
)  # fmt: skip
"""What the outcome is read from of sentences: that of the likeliest, and the mean by chance."""


@dataclass(frozen=True)
class SentenceMap:
    """A form of two vectors that was fitted to questions and the sentences that answer them."""

    question_mean: Array
    sentence_mean: Array
    question: Array
    """(384, r)"""
    sentence: Array
    """(384, r)"""
    plain: float
    """What the vectors' own product counts."""

    def scores(self, vectors: Vectors) -> Array:
        """Return (n,): higher is nearer."""
        asked = vectors.question - self.question_mean
        held = vectors.sentences - self.sentence_mean
        form = (held @ self.sentence) @ (asked @ self.question)
        return cast(Array, self.plain * (held @ vectors.question) + form)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, matrices in half precision."""
        return {
            "rank": self.question.shape[1],
            "plain": self.plain,
            **{
                name: base64.b64encode(np.asarray(value, "<f2").tobytes()).decode()
                for name, value in (
                    ("question_mean", self.question_mean),
                    ("sentence_mean", self.sentence_mean),
                    ("question", self.question),
                    ("sentence", self.sentence),
                )
            },
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> SentenceMap:
        """Read what `as_json` gave."""

        def array(name: str) -> Array:
            return np.frombuffer(base64.b64decode(data[name]), "<f2").astype(np.float32)

        rank = int(data["rank"])
        return cls(
            array("question_mean"),
            array("sentence_mean"),
            array("question").reshape(-1, rank),
            array("sentence").reshape(-1, rank),
            float(data["plain"]),
        )


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
    """(4,): chances of `OUTCOMES`."""

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
        whole = with_map(found, self.map)
        chances = _logistic(self._trees.leaves(whole.table(self._names)).sum(axis=1))
        told = outcome_features(whole, chances)
        row = np.array([[told[name] for name in self._outcome_names]], np.float32)
        scores = np.array([trees.leaves(row).sum() for trees in self._outcome_trees])
        power = np.exp(scores - scores.max())
        return Judgement(chances, power / power.sum())


def with_map(found: Features, fitted: SentenceMap) -> Features:
    """Return features with what the map says of each sentence."""
    columns = {**found.of_sentences, **ranked("mapped", fitted.scores(found.vectors))}
    return Features(found.sentences, columns, found.of_question, found.vectors)


def outcome_features(found: Features, chances: Array) -> dict[str, float]:
    """Return what the outcome is read from. `found` has a sentence at least."""
    order = np.argsort(-chances, kind="stable")
    top, weights = order[0], chances / max(float(chances.sum()), 1e-6)
    quoted = found.of_sentences["quoted"] > 0
    told = dict(found.of_question)
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
