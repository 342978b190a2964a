"""What is seen in an image -> the report that the starter model is taught to write for it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from radraft.core.errors import TrainingError
from radraft.finetune.starter.values import Bank, Named, Pair, Seen, Statement
from radraft.reports.values import Origin, Report, Section, Sentence, both

MOST_FINDINGS = 8
"""Most sentences in findings."""
MOST_NAMES = 3
"""Most findings that the impression names."""
NO_FINDING = "no_finding"
UNASSESSED = "unassessed"
"""Said of a film of which neither a finding nor normality is sure enough to be said."""


def compose(seen: Mapping[str, Seen], draw: random.Random) -> Report:
    """The report of an image in which `seen` is seen; `draw` chooses between wordings.

    Keys are the codes of `bank().findings` and `no_finding`; an empty `seen` is an image that shows
    nothing, and the report says only that. The report is of no case: its `case_id` is empty.

    Findings: a sentence for each finding stated or suggested and each absent one, absent ones
    together where there is a sentence for it, in the bank's order, eight at most: absent findings
    are left out first, then the least important ones. Impression: one sentence, of the three most
    important findings, the stated before the suggested; of absent ones where none is seen.

    `no_finding` is said in the impression where nothing is stated or suggested, which outweighs it,
    and in findings where no finding is absent either. Lung opacity is what pneumonia looks like: of
    the two, both seen or both absent, findings have the opacity and the impression the pneumonia.

    `unassessed`: where nothing is stated, suggested or called normal, the impression says that it
    is the reader's, and so do findings where nothing is denied either.

    Raises TrainingError `training_finding_without_sentences`.
    """
    sentences = bank()
    if unknown := sorted(seen.keys() - sentences.findings.keys() - {NO_FINDING, UNASSESSED}):
        raise TrainingError("training_finding_without_sentences", codes=", ".join(unknown))
    if not seen:
        return _report([sentences.unreadable_findings], sentences.unreadable_impression)
    there = [code for code in sentences.findings if seen.get(code, Seen.ABSENT) is not Seen.ABSENT]
    absent = [code for code in sentences.findings if seen.get(code) is Seen.ABSENT]
    whole = None if there else seen.get(NO_FINDING)
    subjects = there or absent
    named = [] if whole else _named(subjects)
    if "pneumonia" in named and "lung_opacity" in subjects:
        subjects.remove("pneumonia")
    findings = [draw.choice(pairs) for pairs in _findings(seen, there, absent)]
    if UNASSESSED in seen and not there and not whole:
        findings = findings or [draw.choice(sentences.unassessed_findings)]
        return _report(findings, draw.choice(sentences.unassessed_impression))
    if whole:
        pairs = sentences.no_finding[whole]
        return _report(findings or [draw.choice(pairs)], draw.choice(pairs))
    return _report(findings, _impression(seen, named, draw))


def _report(findings: Iterable[Pair], impression: Pair) -> Report:
    def sentences(section: Section, pairs: Iterable[Pair]) -> tuple[Sentence, ...]:
        return tuple(
            Sentence(f"{section.value[0]}{number}", both(pair.zh, pair.en, Origin.TEMPLATE))
            for number, pair in enumerate(pairs, 1)
        )

    return Report(
        case_id="",
        findings=sentences(Section.FINDINGS, findings),
        impression=sentences(Section.IMPRESSION, [impression]),
    )


def _findings(
    seen: Mapping[str, Seen], there: Sequence[str], absent: Sequence[str]
) -> Iterator[Sequence[Pair]]:
    """The wordings of each sentence of findings, in the bank's order."""
    sentences = bank()
    order = list(sentences.findings)
    told = [Statement((code,), sentences.findings[code].pairs[seen[code]]) for code in there]
    ranked = sorted(told, key=_rank) + sorted(_denials(absent), key=_rank)
    kept = ranked[:MOST_FINDINGS]
    kept.sort(key=lambda statement: min(map(order.index, statement.codes)))
    return (statement.pairs for statement in kept)


def _denials(absent: Sequence[str]) -> Iterator[Statement]:
    """What denies each of `absent` once."""
    sentences = bank()
    left = set(absent)
    for statement in sentences.absent_together:
        if left.issuperset(statement.codes):
            left -= set(statement.codes)
            yield statement
    for code in absent:
        if code in left:
            yield Statement((code,), sentences.findings[code].pairs[Seen.ABSENT])


def _rank(statement: Statement) -> int:
    return min(map(bank().importance.index, statement.codes))


def _named(codes: Sequence[str]) -> list[str]:
    described = "lung_opacity" if "pneumonia" in codes else None
    naming = [code for code in codes if code != described]
    return sorted(naming, key=bank().importance.index)[:MOST_NAMES]


def _impression(seen: Mapping[str, Seen], named: Sequence[str], draw: random.Random) -> Pair:
    names = {
        kind: [bank().findings[code].name for code in named if seen[code] is kind] for kind in Seen
    }
    kinds = [kind for kind in Seen if names[kind]]
    frame = draw.choice(bank().impression["both" if len(kinds) > 1 else kinds[0].value])
    zh_lists = {kind.value: "、".join(name.zh for name in names[kind]) for kind in kinds}
    en_lists = {kind.value: _listed([name.en for name in names[kind]], kind) for kind in kinds}
    return Pair(frame.zh.format(**zh_lists), frame.en.format(**en_lists))


def _listed(names: list[str], kind: Seen) -> str:
    if kind is Seen.SUGGESTED:
        # After a comma a reader takes the next finding for stated.
        return " and ".join(names)
    last = " or " if kind is Seen.ABSENT else " and "
    return last.join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@cache
def bank() -> Bank:
    """The sentences of `sentences.yaml`. ValueError where `importance` is not of its findings."""
    import yaml

    path = files("radraft.finetune.starter").joinpath("sentences.yaml")
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    unreadable = {section: Pair(**pair) for section, pair in content["unreadable"].items()}
    unassessed = {section: _pairs(pairs) for section, pairs in content["unassessed"].items()}
    findings = {
        code: Named(Pair(**entry["name"]), _by_seen(entry))
        for code, entry in content["findings"].items()
    }
    if findings.keys() ^ set(content["importance"]):
        raise ValueError("sentences.yaml: importance and findings differ")
    return Bank(
        findings=findings,
        absent_together=tuple(
            Statement(tuple(entry["codes"]), _pairs(entry["pairs"]))
            for entry in content["absent_together"]
        ),
        no_finding=_by_seen(content["no_finding"]),
        importance=tuple(content["importance"]),
        impression={kind: _pairs(frames) for kind, frames in content["impression"].items()},
        unreadable_findings=unreadable["findings"],
        unreadable_impression=unreadable["impression"],
        unassessed_findings=unassessed["findings"],
        unassessed_impression=unassessed["impression"],
    )


def _by_seen(entry: Mapping[str, Any]) -> dict[Seen, tuple[Pair, ...]]:
    return {kind: _pairs(entry[kind.value]) for kind in Seen}


def _pairs(entries: list[dict[str, str]]) -> tuple[Pair, ...]:
    return tuple(Pair(**entry) for entry in entries)
