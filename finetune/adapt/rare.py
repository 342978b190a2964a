"""What is rare among the signed reports is learned from more often: a finding that one report in
fifty names would be forgotten, and critical ones are rare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

from radraft.finetune.adapt.recipe import Rare
from radraft.reports.findings.extract import extract
from radraft.reports.findings.statements import State, critical, statements
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import Lang, Report


def repeated(pairs: Sequence[TrainingPair], rare: Rare) -> tuple[TrainingPair, ...]:
    """`pairs`, each once or several times; repetitions follow after all others.

    A report is repeated for the rarest finding it states: `sqrt(share / f)` times where a share `f`
    of the reports state it (the repeat factor of Gupta et al. 2019, LVIS, 3.3), `rare.critical`
    times that for a critical one, rounded, at most `rare.most` times.
    """
    counts = times([present(pair.asserted) for pair in pairs], rare)
    return tuple(
        pair
        for turn in range(rare.most)
        for pair, count in zip(pairs, counts, strict=True)
        if turn < count
    )


def times(stated: Sequence[frozenset[str]], rare: Rare) -> list[int]:
    """Return how often each report is learned from that states these codes, as `repeated`."""
    often = Counter(code for codes in stated for code in codes)

    def factor(code: str) -> float:
        weight = rare.critical if critical({code}) else 1.0
        return weight * sqrt(rare.share * len(stated) / often[code])

    return [max(1, min(rare.most, round(max(map(factor, codes), default=1.0)))) for codes in stated]


def present(report: Report) -> frozenset[str]:
    """Codes that the report states to be there, in either language."""
    return said_present(
        {
            "zh": "\n".join(sentence.zh for sentence in report.sentences),
            "en": "\n".join(sentence.en for sentence in report.sentences),
        }
    )


def said_present(texts: Mapping[Lang, str]) -> frozenset[str]:
    """Codes that the texts of a report state to be there, in any of its languages."""
    return frozenset(
        code
        for lang, text in texts.items()
        for code, statement in statements(extract(text, lang)).items()
        if statement.state is State.PRESENT and not statement.implied
    )
