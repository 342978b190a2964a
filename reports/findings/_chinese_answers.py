"""Forms filled in: a name, and after a colon or in parentheses what is said of it (气胸:无)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from radraft.reports.findings._chinese_clauses import Clause, Found, sides_in
from radraft.reports.findings._chinese_places import LIES
from radraft.reports.findings._chinese_rules import Organ, composed, rules, words
from radraft.reports.findings._chinese_scope import chains
from radraft.reports.findings.vocabulary import lineage
from radraft.reports.values import Certainty

# After how many characters a name still stands right before its answer (气胸征象:无).
_NEAR = 3
# What an answer may hold beside its place and its word: sizes, numbers of ribs, and small words.
_MEASURE = re.compile(
    r"(?:最大|较大|大者|长径|直径|大小|厚度?|深度?|者|为|约)*\d+(?:\.\d+)?(?:mm|cm|毫米|厘米)?"
    r"(?:[×x*]\d+(?:\.\d+)?)*(?:mm|cm|ml|毫米|厘米|毫升|%)"
)
_FILLING = re.compile(
    r"第?\d+(?:[-~]\d+)?|[、第]|动脉|静脉|仅|只|主要|均|都|可|仍|各|处|部|区|段|叶|旁|内|壁|上|中|下|前|后"
)
_PLACE = frozenset(("side", "organ"))


@dataclass(frozen=True)
class _Answer:
    """What a clause without a finding answers to the name before it."""

    word: str
    """`denied`, `unsure`, `stated`, or `placed` where it says a place only."""
    sides: frozenset[str]
    organs: tuple[Organ, ...]


def set_answers(sentence: str, parts: list[Clause]) -> None:
    """Give the findings of a clause what the clauses after it answer, side by side."""
    asked: _Question | None = None
    for clause in parts:
        if clause.found:
            if asked is not None and clause.opener == ":":
                asked.drop_title(clause)
            asked = _Question(sentence, clause, chains(clause)[-1])
        elif asked is not None and clause.end > clause.start:
            answer = _answer(sentence, clause)
            if answer is None or not asked.takes(clause, answer):
                asked = None


class _Question:
    """A clause that ends with the name of a finding."""

    def __init__(self, sentence: str, clause: Clause, chain: list[Found]) -> None:
        self._clause, self._chain = clause, chain
        self._near = clause.end - chain[-1].end <= _NEAR
        self._colon = False
        placed_after = LIES.match(sentence, chain[-1].end, clause.end) is not None
        self._placed = placed_after or any(found.sides and not found.lent for found in chain)
        self._there: list[_Answer] = []
        self._denied: list[_Answer] = []

    def takes(self, clause: Clause, answer: _Answer) -> bool:
        """Whether a clause answers it; then the finding says so."""
        self._colon = self._colon or clause.opener in (":", "?")
        if answer.sides or answer.organs:
            return self._takes_place(clause, answer)
        if not self._near or clause.opener not in (":", "<", "?"):
            return False
        findings = self._chain if clause.opener != "<" else self._chain[-1:]
        for found in findings:
            if not found.fixed:
                found.polarity = _POLARITY[answer.word]
        return True

    def _takes_place(self, clause: Clause, answer: _Answer) -> bool:
        beside = clause.opener == "<" and self._near
        if self._placed and (answer.organs or not self._colon):
            return False
        if answer.organs and not (beside or (self._colon and self._near)):
            return False
        (self._denied if answer.word == "denied" else self._there).append(answer)
        said = self._there or self._denied
        for found in self._chain if not beside else self._chain[-1:]:
            if found.code not in words("unpaired"):
                found.sides = {side for place in said for side in place.sides}
                found.organs = [organ for place in said for organ in place.organs]
                found.own = True
            if found.usual and answer.organs:
                found.code = composed(found.head, answer.organs[-1].name) or found.code
            if not found.fixed and (
                answer.word != "placed" or self._denied or clause.opener == "?"
            ):
                found.polarity = _POLARITY[said[-1].word]
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
    "placed": Certainty.PRESENT,
    "unsure": Certainty.UNCERTAIN,
}


def _answer(sentence: str, clause: Clause) -> _Answer | None:
    """Return what a clause answers; None where it says more than a place, an amount and a word."""
    sides: set[str] = set()
    organs: list[Organ] = []
    rest, at = "", clause.start
    for token in clause.tokens:
        if not _PLACE & set(token.kinds):
            continue
        sides.update(str(side) for side in token.kinds.get("side", ()))
        organs += token.kinds.get("organ", ())[:1]
        sides.update(sides_in(sentence[token.start : token.end]))
        rest += sentence[at : token.start]
        at = token.end
    rest += sentence[at : clause.end]
    match = _pattern().fullmatch(_FILLING.sub("", _MEASURE.sub("", rest)))
    if match is None:
        return None
    word = _word(match)
    if word == "placed" and not (sides or organs or match["amount"] or rest):
        return None
    if word == "placed" and not (sides or organs):
        word = "stated" if match["amount"] else ""
    return _Answer(word, frozenset(sides), tuple(organs)) if word else None


def _word(match: re.Match[str]) -> str:
    if match["denied"]:
        return "denied"
    if match["unsure"]:
        return "unsure"
    if match["sign"] and not match["stated"]:
        return {"-": "denied", "±": "unsure"}.get(match["sign"], "stated")
    return "stated" if match["stated"] else "placed"


@cache
def _pattern() -> re.Pattern[str]:
    table = rules()["answer"]
    kinds = "|".join(
        f"(?P<{name}>{'|'.join(re.escape(word) for word in table[name].split())})"
        for name in ("denied", "unsure", "stated")
    )
    amount = "|".join(table["amount"].split())
    return re.compile(rf"(?P<amount>(?:{amount})*)(?:{kinds})?(?:<(?P<sign>[-+±])>)?")
