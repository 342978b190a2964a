"""Forms filled in: a name, and after a colon or in parentheses what is said of it (气胸:无)."""

from __future__ import annotations

import re
from functools import cache

from radraft.reports.findings._chinese_clauses import Clause, Found, sides_in
from radraft.reports.findings._chinese_places import LIES
from radraft.reports.findings._chinese_rules import rules, words
from radraft.reports.findings._chinese_scope import chains
from radraft.reports.findings.vocabulary import lineage
from radraft.reports.values import Certainty

# After how many characters a name still stands right before its answer (气胸征象:无).
_NEAR = 3
# What may stand behind the place in an answer (肺大疱:右肺尖可见).
_SEEN = frozenset(("可见", "见", "有", "均可见", "存在"))


def set_answers(sentence: str, parts: list[Clause]) -> None:
    """Give the findings of a clause what the clauses after it answer, side by side."""
    asked: _Question | None = None
    for clause in parts:
        if clause.found:
            if asked is not None and clause.opener == ":":
                asked.drop_title(clause)
            asked = _Question(sentence, clause, chains(clause)[-1])
        elif asked is not None and clause.end > clause.start:
            answer = _answer(sentence[clause.start : clause.end])
            if answer is None and asked.placed(sentence, clause):
                continue
            if answer is None or not asked.takes(clause, answer):
                asked = None


class _Question:
    """A clause that ends with the name of a finding."""

    def __init__(self, sentence: str, clause: Clause, chain: list[Found]) -> None:
        self._clause, self._chain = clause, chain
        self._near = clause.end - chain[-1].end <= _NEAR
        self._colon = False
        placed_after = LIES.match(sentence, chain[-1].end, clause.end) is not None
        self._placed = placed_after or any(found.sides for found in chain)
        self._sides: set[str] = set()
        self._denied: set[str] = set()

    def takes(self, clause: Clause, answer: tuple[str, str]) -> bool:
        """Whether a clause answers it; then the finding says so."""
        side, word = answer
        self._colon = self._colon or clause.opener in (":", "?")
        if side:
            return self._one_side(side, word)
        if not self._near or clause.opener not in (":", "<", "?"):
            return False
        findings = self._chain if clause.opener != "<" else self._chain[-1:]
        for found in findings:
            if not found.fixed:
                found.polarity = _POLARITY[word]
        return True

    def placed(self, sentence: str, clause: Clause) -> bool:
        """Whether a clause is a place only (肺结节:右上叶); then the finding has it."""
        self._colon = self._colon or clause.opener == ":"
        said = [token for token in clause.tokens if {"side", "organ"} & set(token.kinds)]
        shown = sum(t.end - t.start for t in clause.tokens if sentence[t.start : t.end] in _SEEN)
        tokens = [t for t in clause.tokens if sentence[t.start : t.end] not in _SEEN]
        rest = clause.end - clause.start - shown - sum(token.end - token.start for token in said)
        if (
            not self._colon
            or self._placed
            or not self._near
            or not said
            or len(said) < len(tokens)
            or rest > _NEAR
        ):
            return False
        for found in self._chain:
            for token in said:
                found.organs += token.kinds.get("organ", ())[:1]
                found.sides.update(str(side) for side in token.kinds.get("side", ()))
                found.sides.update(sides_in(sentence[token.start : token.end]))
            found.own = True
        return True

    def _one_side(self, side: str, word: str) -> bool:
        if self._placed and not self._colon:
            return False
        denied = word == "denied"
        (self._denied if denied else self._sides).add(side)
        for found in self._chain:
            if found.code in words("unpaired"):
                continue
            found.sides = set(self._sides or self._denied)
            found.own = True
            if not self._sides:
                found.polarity = Certainty.ABSENT
            elif not found.fixed:
                found.polarity = _POLARITY["unsure" if word == "unsure" else "stated"]
        return True

    def drop_title(self, clause: Clause) -> None:
        """A name before a colon that the clause after it names again is a heading only."""
        again = {code for found in clause.found for code in lineage(found.code)}
        for found in self._clause.found:
            if set(lineage(found.code)[:1]) & again and self._near:
                found.dropped = True


_POLARITY = {
    "denied": Certainty.ABSENT,
    "stated": Certainty.PRESENT,
    "unsure": Certainty.UNCERTAIN,
}


def _answer(text: str) -> tuple[str, str] | None:
    """Return the side ("" for none) and the kind of an answer; None where a clause is no answer."""
    match = _pattern().fullmatch(text)
    if match is None:
        return None
    side = next((name for name in ("left", "right", "bilateral") if match[name]), "")
    if match["denied"]:
        return side, "denied"
    if match["unsure"]:
        return side, "unsure"
    if match["sign"] and not match["stated"]:
        return side, {"-": "denied", "±": "unsure"}.get(match["sign"], "stated")
    return (side, "stated") if match["stated"] or match["amount"] or side else None


@cache
def _pattern() -> re.Pattern[str]:
    table = rules()["answer"]
    named = "|".join(
        f"(?P<{name}>{'|'.join(re.escape(word) for word in table[name].split())})"
        for name in ("left", "right", "bilateral")
    )
    kinds = "|".join(
        f"(?P<{name}>{'|'.join(re.escape(word) for word in table[name].split())})"
        for name in ("denied", "unsure", "stated")
    )
    amount = "|".join(table["amount"].split())
    return re.compile(
        rf"(?:{named})?(?:胸腔|肺|肺野)?(?:均|都|可|仍)?(?P<amount>(?:{amount})*)(?:{kinds})?(?:<(?P<sign>[-+±])>)?"
    )
