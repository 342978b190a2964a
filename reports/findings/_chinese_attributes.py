"""Change over time and sizes of the findings of a Chinese sentence."""

from __future__ import annotations

import re

from radraft.reports.findings._chinese_clauses import Clause, Found
from radraft.reports.findings._chinese_matcher import Token
from radraft.reports.findings._chinese_scope import chains
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import Certainty

_NUMBER = r"\d{1,4}(?:\.\d+)?"
_UNIT = r"(?:mm|cm|毫米|厘米|公分)"
_SIZE = re.compile(
    rf"({_NUMBER})({_UNIT})?((?:[×x*\-~至到]{_NUMBER}{_UNIT}?)*)(?<!\d)({_UNIT})?(?![a-z0-9²³/])"
)
_PART = re.compile(rf"({_NUMBER})({_UNIT})?")
# Measures of something else: a tip's distance, a slice, a depth.
_NOT_A_SIZE = re.compile(
    r"距|层厚|层距|间距|层间|切口|插入|深度约|ct值|容积|体积约|以(?:上|下)约|门齿|原(?:约|为|大小|片)*$|(?:前片|旧片)(?:约|为|大小)*$"
)


def set_changes(parts: list[Clause]) -> None:
    """Change of the findings of a clause or, where it names none, of the clause before."""
    last: list[Found] = []
    compared = False
    for clause in parts:
        grouped = chains(clause)
        for index, token in enumerate(clause.tokens):
            kinds = token.kinds
            compared = compared or "comparison" in kinds
            value = None
            if compared and "compared" in kinds:
                value = kinds["compared"][0]
            elif "change" in kinds:
                value = kinds["change"][0]
            if value is not None:
                _give(Change(value), _targets(clause, grouped, index, last))
        if grouped:
            last = grouped[-1]
            compared = False


def _targets(
    clause: Clause, grouped: list[list[Found]], index: int, last: list[Found]
) -> list[Found]:
    """The list of findings nearest before the word, else the next after it, else the last."""
    before = [chain for chain in grouped if chain[0].index <= index]
    after = [chain for chain in grouped if chain[0].index > index]
    kinds = clause.tokens[index].kinds
    follows = "see" in kinds or kinds.get("change", ("",))[0] == "new"
    if follows and after:
        return after[0]
    if before:
        return before[-1]
    if after:
        return after[0]
    return [] if any({"organ", "side"} & set(token.kinds) for token in clause.tokens) else last


def _give(change: Change, targets: list[Found]) -> None:
    for found in targets:
        if change is Change.RESOLVED:
            found.polarity, found.change = Certainty.ABSENT, change
        elif found.polarity is not Certainty.ABSENT and (
            found.change is None or found.change is Change.STABLE
        ):
            found.change = change


def set_sizes(sentence: str, parts: list[Clause]) -> tuple[float, ...]:
    """Sizes in millimetres; those left over where the sentence names no finding are returned."""
    last: Found | None = None
    left: tuple[float, ...] = ()
    for clause in parts:
        for match in _SIZE.finditer(sentence, clause.start, clause.end):
            sizes = millimetres(match)
            if not sizes or _NOT_A_SIZE.search(sentence[clause.start : match.start()]):
                continue
            before = [found for found in clause.found if found.start < match.start()]
            after = [found for found in clause.found if found.start >= match.end()]
            target = before[-1] if before else after[0] if after else last
            if target is None:
                left += sizes
            elif vocabulary()[target.code].kind is Kind.FINDING and not target.fixed:
                target.sizes += sizes
        if clause.found and left:
            clause.found[0].sizes += left
            left = ()
        if clause.found:
            last = clause.found[-1]
    return left


def millimetres(match: re.Match[str]) -> tuple[float, ...]:
    """The numbers of one measure; empty where it has no unit of length."""
    numbers = _PART.findall(match[0])
    unit = match[4] or next((unit for _, unit in reversed(numbers) if unit), "")
    if not unit:
        return ()
    return tuple(
        round(float(number) * (1 if (own or unit) in ("mm", "毫米") else 10), 3)
        for number, own in numbers
    )


def is_comparison(token: Token) -> bool:
    """Whether a word compares with an earlier examination or states a change."""
    return bool({"comparison", "change", "negation_gone", "negation_removed"} & set(token.kinds))
