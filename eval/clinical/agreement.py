"""Whether the Chinese and the English of one report state the same findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from radraft.core.errors import EvalError
from radraft.eval.values import Better, FloatArray, IntArray, Measure
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import Certainty, Laterality


class Said(NamedTuple):
    """What has to be the same in both languages."""

    code: str
    polarity: Certainty
    laterality: Laterality | None


@dataclass(frozen=True)
class Agreement:
    """One report in two languages."""

    both: frozenset[Said]
    zh_only: frozenset[Said]
    en_only: frozenset[Said]
    sentences: tuple[float, ...]
    """Share of each sentence pair, NaN where neither language states a finding."""

    @property
    def share(self) -> float:
        """Said in both languages of all that is said, 0 to 1; NaN where nothing is said."""
        said = len(self.both) + len(self.zh_only) + len(self.en_only)
        return len(self.both) / said if said else float("nan")


MEASURES = (
    Measure(
        "zh_en_agreement",
        Better.HIGHER,
        "Of the distinct (finding, polarity, side) that the Chinese or the English of a report "
        "states, the share that both state, pooled over reports; range 0 to 1.",
    ),
    Measure(
        "zh_en_sentence_agreement",
        Better.HIGHER,
        "Of the sentence pairs that state a finding in either language, the share whose sets of "
        "(finding, polarity, side) are equal, pooled over reports; range 0 to 1.",
    ),
)


@dataclass(frozen=True)
class AgreementScores:
    """`radraft.eval.values.Scores` over bilingual reports."""

    reports: tuple[Agreement, ...]

    @property
    def measures(self) -> tuple[Measure, ...]:
        """See `MEASURES`."""
        return MEASURES

    @cached_property
    def per_report(self) -> Mapping[str, FloatArray]:
        """Each report's own value, shape (n,); NaN where it states nothing."""
        above, below = self._counts
        values = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
        return {measure.name: values[:, at] for at, measure in enumerate(MEASURES)}

    def corpus(self, index: IntArray | None = None) -> dict[str, float]:
        """Values over the reports at `index` (with repeats), or over all; NaN where undefined."""
        n = len(self.reports)
        times = np.ones(n) if index is None else np.bincount(index, minlength=n).astype(np.float64)
        above, below = (times @ counts for counts in self._counts)
        return {
            measure.name: float(above[at] / below[at]) if below[at] else float("nan")
            for at, measure in enumerate(MEASURES)
        }

    @cached_property
    def _counts(self) -> tuple[FloatArray, FloatArray]:
        above, below = [], []
        for report in self.reports:
            stated = [share for share in report.sentences if share == share]
            same = len(report.both)
            above.append((same, sum(share == 1.0 for share in stated)))
            below.append((same + len(report.zh_only) + len(report.en_only), len(stated)))
        shape = (len(self.reports), len(MEASURES))
        return (
            np.array(above, dtype=np.float64).reshape(shape),
            np.array(below, dtype=np.float64).reshape(shape),
        )


def agreement(zh: Sequence[str], en: Sequence[str]) -> Agreement:
    """Compare the sentences of one report, `zh[i]` being `en[i]` in Chinese.

    The report as a whole is compared too, so that a finding stated in another sentence of the
    other language costs only its sentences. EvalError (`eval_lengths_differ`) where the
    languages have different numbers of sentences.
    """
    if len(zh) != len(en):
        raise EvalError("eval_lengths_differ", first=len(zh), second=len(en))
    whole_zh, whole_en = said(extract("\n".join(zh), "zh")), said(extract("\n".join(en), "en"))
    return Agreement(
        both=whole_zh & whole_en,
        zh_only=whole_zh - whole_en,
        en_only=whole_en - whole_zh,
        sentences=tuple(
            _share(said(extract(chinese, "zh")), said(extract(english, "en")))
            for chinese, english in zip(zh, en, strict=True)
        ),
    )


def score_agreement(reports: Iterable[tuple[Sequence[str], Sequence[str]]]) -> AgreementScores:
    """`agreement` of the (zh, en) sentences of each report."""
    return AgreementScores(tuple(agreement(zh, en) for zh, en in reports))


def said(mentions: Iterable[Mention]) -> frozenset[Said]:
    """Distinct statements; variants count as their finding, parents are not implied."""
    return frozenset(
        Said(counted_as(mention.code), mention.polarity, mention.laterality) for mention in mentions
    )


def _share(zh: frozenset[Said], en: frozenset[Said]) -> float:
    return len(zh & en) / len(zh | en) if zh | en else float("nan")
