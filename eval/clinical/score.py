"""Clinical scores of report pairs: texts in, `ClinicalScores` out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from radraft.core.errors import EvalError
from radraft.eval.clinical.columns import Priors
from radraft.eval.clinical.compare import Events, Row, compare, events
from radraft.eval.clinical.measures import WITH_LABELS
from radraft.eval.clinical.scores import ClinicalScores
from radraft.eval.values import Pair
from radraft.reports.findings.extract import claims_prior, extract
from radraft.reports.findings.statements import STATE, State, Statement, index, statements
from radraft.reports.findings.vocabulary import counted_as, vocabulary
from radraft.reports.values import Certainty, Lang

CHUNK = 500
"""Pairs that one task reads; what waits for a worker is at most `2 * workers` of them."""

Progress = Callable[[int, int], None]
"""Called with (pairs done, pairs in all)."""


def score_clinical(
    pairs: Sequence[Pair],
    lang: Lang,
    has_prior: Sequence[bool] | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> ClinicalScores:
    """Score hypotheses against references, both in `lang`.

    `has_prior` says for each pair whether an earlier examination was there; without it
    `hallucinated_prior_rate` is undefined. With `workers` above 1, processes are spawned, so that
    a script that calls this needs the usual `if __name__ == "__main__"`. EvalError
    (`eval_lengths_differ`) where `has_prior` is of another length.
    """
    if has_prior is not None:
        _same_length(len(pairs), len(has_prior))
    parts = []
    for part in _parts(pairs, lang, workers):
        parts.append(part)
        if progress is not None:
            progress(min(len(parts) * CHUNK, len(pairs)), len(pairs))
    known_absent = (
        np.zeros(len(pairs), dtype=bool)
        if has_prior is None
        else ~np.array(list(has_prior), dtype=bool)
    )
    claims = np.array([claim for part in parts for claim in part.claims], dtype=bool).reshape(-1, 2)
    priors = Priors(claims[:, 0], claims[:, 1], known_absent)
    return ClinicalScores(_joined([part.events for part in parts]), len(pairs), priors)


def score_labels(
    labels: Sequence[Mapping[str, Certainty]], hyps: Sequence[str], lang: Lang
) -> ClinicalScores:
    """Score hypotheses against labels where no reference text is known.

    Only findings that were labelled count, parents are not implied in the labels, and a hypothesis
    that is silent about a finding labelled absent is right about it. EvalError where the lengths
    differ (`eval_lengths_differ`) or a label is no code of the vocabulary
    (`eval_unknown_finding`).
    """
    _same_length(len(labels), len(hyps))
    parts = []
    for start in range(0, len(hyps), CHUNK):
        rows: list[Row] = []
        for report in range(start, min(start + CHUNK, len(hyps))):
            known = _labelled(labels[report])
            stated = statements(extract(hyps[report], lang))
            rows += compare(
                report, known, {code: one for code, one in stated.items() if code in known}
            )
        parts.append(events(rows))
    return ClinicalScores(_joined(parts), len(hyps), measures=WITH_LABELS)


@dataclass(frozen=True)
class _Part:
    events: Events
    claims: list[tuple[bool, bool]]


def _read(start: int, texts: list[tuple[str, str]], lang: Lang) -> _Part:
    """Events of the (ref, hyp) `texts`, the first of which is report number `start`."""
    rows: list[Row] = []
    claims = []
    for report, (ref, hyp) in enumerate(texts, start):
        rows += compare(report, statements(extract(ref, lang)), statements(extract(hyp, lang)))
        claims.append((claims_prior(ref, lang), claims_prior(hyp, lang)))
    return _Part(events(rows), claims)


def _parts(pairs: Sequence[Pair], lang: Lang, workers: int) -> Iterator[_Part]:
    """Parts in the order of `pairs`."""
    tasks = (
        (start, [(pair.ref, pair.hyp) for pair in pairs[start : start + CHUNK]])
        for start in range(0, len(pairs), CHUNK)
    )
    if workers <= 1 or len(pairs) <= CHUNK:
        for start, texts in tasks:
            yield _read(start, texts, lang)
        return
    # Spawned, because a fork of a process with threads (a progress bar has one) can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: list[Future[_Part]] = []
        for start, texts in tasks:
            waiting.append(pool.submit(_read, start, texts, lang))
            if len(waiting) >= 2 * workers:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _labelled(labels: Mapping[str, Certainty]) -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for name, certainty in labels.items():
        if name not in vocabulary():
            raise EvalError("eval_unknown_finding", finding=name)
        code, state = counted_as(name), STATE[certainty]
        # Two labels of one finding (a variant and its finding): the stronger one holds.
        if code in index() and state > found.get(code, Statement(State.UNSTATED)).state:
            found[code] = Statement(state)
    return found


def _joined(parts: Sequence[Events]) -> Events:
    return np.concatenate([events([]), *parts])


def _same_length(first: int, second: int) -> None:
    if first != second:
        raise EvalError("eval_lengths_differ", first=first, second=second)
