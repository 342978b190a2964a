"""Change over time of the findings of a Chinese sentence."""

from __future__ import annotations

from radraft.reports.findings._chinese_clauses import Clause, Found
from radraft.reports.findings._chinese_matcher import Token
from radraft.reports.findings._chinese_scope import chains
from radraft.reports.findings.values import Change
from radraft.reports.values import Certainty


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


def is_comparison(token: Token) -> bool:
    """Whether a word compares with an earlier examination or states a change."""
    return bool({"comparison", "change", "negation_gone", "negation_removed"} & set(token.kinds))
