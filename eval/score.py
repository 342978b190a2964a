"""All scorers together: reports against references, labels and their other language."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from radraft.core import canonical
from radraft.eval.bootstrap import RESAMPLES, SEED, interval, resample
from radraft.eval.cache import Cache, metrics_sha
from radraft.eval.clinical.agreement import score_agreement
from radraft.eval.clinical.score import score_clinical, score_labels
from radraft.eval.clinical.scores import ClinicalScores
from radraft.eval.pairs import digests
from radraft.eval.result import Finding, Section, Value, rounded
from radraft.eval.values import Better, FloatArray, Measure, Pair, Scores
from radraft.reports.values import Certainty, Lang

Move = Callable[[str, float], None]
"""Called with what is being done and the part of it that is done, from 0 to 1."""

_MANY = 2000
"""Pairs from which more processes pay off."""


@dataclass(frozen=True)
class Scored:
    """A section, and the counts of each finding where it is about findings."""

    section: Section
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Scorer:
    """How to score: the bootstrap, where to keep what was computed, whom to tell."""

    cache: Cache
    resamples: int = RESAMPLES
    seed: int = SEED
    move: Move = lambda text, part: None
    workers: int | None = None
    """Processes that read the texts; by the number of pairs where it is not given."""

    def reports(
        self, pairs: Sequence[Pair], lang: Lang, has_prior: Sequence[bool] | None = None
    ) -> tuple[Scored, ...]:
        """Sections `text_LANG` and `clinical_LANG` of reports against reference reports."""
        refs, hyps = digests(pairs)
        ids = ids_of(pairs)
        priors = None if has_prior is None else [bool(known) for known in has_prior]
        base = _Base(lang, ids, canonical.sha256([refs, priors]), hyps)
        scored = (
            self._section(f"text_{lang}", base, lambda: self._text(pairs, lang)),
            self._section(f"clinical_{lang}", base, lambda: self._clinical(pairs, lang, priors)),
        )
        # Of the files, not of the texts that the cache knows.
        notes: tuple[str, ...] = getattr(pairs, "notes", ())
        return tuple(
            replace(part, section=replace(part.section, notes=(*part.section.notes, *notes)))
            for part in scored
        )

    def labels(
        self,
        ids: Sequence[str],
        labels: Sequence[Mapping[str, Certainty]],
        hyps: Sequence[str],
        lang: Lang,
    ) -> Scored:
        """Section `labels_LANG` of reports against labels."""
        known = [{code: one.value for code, one in label.items()} for label in labels]
        base = _Base(
            lang,
            tuple(ids),
            canonical.sha256([list(ids), known]),
            canonical.sha256([list(ids), list(hyps)]),
        )
        return self._section(f"labels_{lang}", base, lambda: score_labels(labels, hyps, lang))

    def agreement(
        self, ids: Sequence[str], reports: Sequence[tuple[Sequence[str], Sequence[str]]]
    ) -> Scored:
        """Section `agreement` of the (zh, en) sentences of drafts of the same studies."""
        plain = [[list(zh), list(en)] for zh, en in reports]
        base = _Base(None, tuple(ids), canonical.sha256(list(ids)), canonical.sha256(plain))
        return self._section("agreement", base, lambda: score_agreement(reports))

    def _section(self, key: str, base: _Base, score: Callable[[], Scores]) -> Scored:
        cached_as = {
            "key": key,
            "lang": base.lang,
            "refs": base.refs_sha,
            "hyps": base.hyps_sha,
            "resamples": self.resamples,
            "seed": self.seed,
            "metrics": metrics_sha(),
        }
        kept = self.cache.get(cached_as)
        if kept is None:
            kept = self._compute(key, base, score())
            self.cache.put(cached_as, *kept)
        value, arrays = kept
        return _scored(key, base, value, arrays)

    def _compute(
        self, key: str, base: _Base, scores: Scores
    ) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        n = len(base.ids)
        rows = resample(
            scores,
            n,
            resamples=self.resamples,
            seed=self.seed,
            on_done=lambda done: self.move(f"Intervals, {key}", done / self.resamples),
        )
        values = scores.corpus()
        arrays = {f"report/{name}": array for name, array in scores.per_report.items()}
        arrays |= {f"resample/{name}": array for name, array in rows.items()}
        counts = []
        if isinstance(scores, ClinicalScores):
            counts = [
                [code, int(one.true_positive + one.false_negative),
                 int(one.true_positive + one.false_positive), int(one.true_positive)]
                for code, one in scores.per_code().items()
            ]  # fmt: skip
        measures = [
            [measure.name, measure.better.value, measure.definition, rounded(values[measure.name])]
            for measure in scores.measures
        ]
        notes = list(getattr(scores, "notes", ()))
        return {"measures": measures, "findings": counts, "notes": notes}, arrays

    def _text(self, pairs: Sequence[Pair], lang: Lang) -> Scores:
        from radraft.eval.text.score import score_texts

        return score_texts(
            pairs,
            lang,
            workers=self.workers or _workers(pairs),
            progress=lambda done: self.move(f"Text metrics, {lang}", done / len(pairs)),
        )

    def _clinical(
        self, pairs: Sequence[Pair], lang: Lang, has_prior: Sequence[bool] | None
    ) -> Scores:
        return score_clinical(
            pairs,
            lang,
            has_prior,
            workers=self.workers or _workers(pairs),
            progress=lambda done, total: self.move(f"Findings, {lang}", done / total),
        )


def _workers(pairs: Sequence[Pair]) -> int:
    return min(os.cpu_count() or 1, 8) if len(pairs) >= _MANY else 1


def ids_of(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Ids in order, without reading texts where the pairs know them."""
    known: tuple[str, ...] | None = getattr(pairs, "ids", None)
    return known if known is not None else tuple(pair.id for pair in pairs)


@dataclass(frozen=True)
class _Base:
    lang: Lang | None
    ids: tuple[str, ...]
    refs_sha: str
    hyps_sha: str


def _scored(key: str, base: _Base, value: dict[str, Any], arrays: dict[str, FloatArray]) -> Scored:
    per_report = _named(arrays, "report/")
    rows = _named(arrays, "resample/")
    values = tuple(
        _value(
            Measure(name, Better(better), definition), found, rows[name], per_report.get(name), base
        )
        for name, better, definition, found in value["measures"]
    )
    section = Section(
        key=key,
        lang=base.lang,
        n=len(base.ids),
        refs_sha=base.refs_sha,
        hyps_sha=base.hyps_sha,
        values=values,
        notes=tuple(value["notes"]),
        resamples={name: tuple(map(rounded, row.tolist())) for name, row in rows.items()},
        per_report=per_report,
        ids=base.ids,
    )
    return Scored(section, tuple(Finding(*row) for row in value["findings"]))


def _value(
    measure: Measure, found: float | None, rows: FloatArray, own: FloatArray | None, base: _Base
) -> Value:
    bounds = interval(rows) if found is not None else None
    return Value(
        measure,
        found,
        rounded(bounds.low) if bounds else None,
        rounded(bounds.high) if bounds else None,
        len(base.ids) if own is None else int(np.isfinite(own).sum()),
    )


def _named(arrays: Mapping[str, FloatArray], prefix: str) -> dict[str, FloatArray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
