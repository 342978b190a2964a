"""What is rare among the signed reports is learned from more often: a finding that one report in
fifty names would be forgotten, and critical ones are rare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt

from radraft.finetune.adapt.recipe import Rare
from radraft.reports.findings.extract import extract
from radraft.reports.findings.statements import State, critical, statements
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import Report


def repeated(pairs: Sequence[TrainingPair], rare: Rare) -> tuple[TrainingPair, ...]:
    """`pairs`, each once or several times; repetitions follow after all others.

    A report is repeated for the rarest finding it states: `sqrt(share / f)` times where a share `f`
    of the reports state it (the repeat factor of Gupta et al. 2019, LVIS, 3.3), `rare.critical`
    times that for a critical one, rounded, at most `rare.most` times.
    """
    stated = [present(pair.asserted) for pair in pairs]
    often = Counter(code for codes in stated for code in codes)

    def factor(code: str) -> float:
        weight = rare.critical if critical({code}) else 1.0
        return weight * sqrt(rare.share * len(pairs) / often[code])

    def times(codes: frozenset[str]) -> int:
        return max(1, min(rare.most, round(max(map(factor, codes), default=1.0))))

    counts = [times(codes) for codes in stated]
    return tuple(
        pair
        for turn in range(rare.most)
        for pair, count in zip(pairs, counts, strict=True)
        if turn < count
    )


def present(report: Report) -> frozenset[str]:
    """Codes that the report states to be there, in either language."""
    said = (
        statements(extract("\n".join(sentence.zh for sentence in report.sentences), "zh")),
        statements(extract("\n".join(sentence.en for sentence in report.sentences), "en")),
    )
    return frozenset(
        code
        for status in said
        for code, statement in status.items()
        if statement.state is State.PRESENT and not statement.implied
    )
