"""A Chinese sentence as clauses with the findings that their words name.

Most names are put together: a head (结节, 积液, 增大) says a finding of the organs that stand
before it, also across 及 and 、 (纵隔及双肺门淋巴结肿大), or of the clause before where its own
names none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from radraft.reports.findings._chinese_matcher import Token
from radraft.reports.findings._chinese_rules import (
    Organ,
    composed,
    normality,
    places,
    rules,
    shared_head,
    words,
)
from radraft.reports.findings._places import of_lung
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Region, lineage, vocabulary
from radraft.reports.values import Certainty

_SIDES = {"左": "left", "右": "right", "双": "bilateral", "两": "bilateral"}
# 轮廓稳定,大小正常: what the organ before is said to be.
_ATTRIBUTE = re.compile("(?:其)?(?:大小|形态|轮廓|形状)")
_ACUTE = ("急性", "活动性")
# 慢性炎, 陈旧炎: what stands before the word without naming an organ.
_BEFORE_INFLAMMATION = frozenset("性发旧期的")
_NOT_RULED_OUT = {"uncertainty_before": ("before",), "unable": ("unable",)}
_CHAMBERS = ("心", "室", "房", "双j", "双腔")


@dataclass(eq=False, slots=True)
class Found:
    """A finding named in a clause, while what is said of it is still being read."""

    code: str
    start: int
    end: int
    index: int
    """Of its token in the clause."""
    sides: set[str] = field(default_factory=set)
    organs: list[Organ] = field(default_factory=list)
    own: bool = False
    """Whether a side or place stands before it in its clause."""
    listed: bool = False
    """Denied by a cue before it, which may run on."""
    polarity: Certainty = Certainty.PRESENT
    fixed: bool = False
    """Polarity is part of the words themselves (心影不大)."""
    denied_only: bool = False
    change: Change | None = None
    sizes: tuple[float, ...] = ()
    percent: float | None = None
    volume: float | None = None
    head: str = ""
    """The word's kind where it needs an organ."""
    usual: bool = False
    """Whether no organ is named for it, so that it is taken for the usual one's."""
    lent: bool = False
    """Whether its side is only that of the heading over it."""
    illness: bool = False
    """A disease that the patient is known by, with no place of its own."""
    dropped: bool = False
    treated: bool = False
    """Dropped as what was treated, which may yet be said to be there."""
    side: str | None = None
    anatomy: str | None = None


@dataclass(eq=False, slots=True)
class Clause:
    """Words between commas, with where they stand in the sentence."""

    start: int
    end: int
    opener: str
    """The character before it; empty at the sentence's start."""
    tokens: list[Token]
    found: list[Found] = field(default_factory=list)
    unplaced: bool = False
    """Whether it has a head word that no organ in reach takes."""
    listing: bool = False
    """Whether it goes on with a list that a denial and a colon open (未见:结节,肿块)."""


@dataclass(frozen=True, slots=True)
class _Said:
    """An organ named in a clause, with the side said of it."""

    organ: Organ
    side: str | None


def clauses(sentence: str, tokens_of: list[Token], context: str | None = None) -> list[Clause]:
    """Return the clauses of a plain sentence, findings resolved but their polarity not yet read.

    `tokens_of` are the words of the sentence; `context` is the organ that the section or the
    examination is about: words without an organ of their own are said of it.
    """
    found: list[Clause] = []
    tokens: list[Token] = []
    start, opener, listing = 0, "", False
    for token in tokens_of:
        asked = sentence[token.start] == "?"
        if sentence[token.start] == ":" and _only_cues(tokens, start, token.start):
            listing = True
            continue  # 未见:气胸、胸腔积液
        if asked:
            tokens.append(token)
        if asked or "clause" in token.kinds:
            found.append(Clause(start, token.start, opener, tokens))
            found[-1].listing, listing = listing, False
            start, tokens, opener = token.end, [], sentence[token.start]
        elif not asked:
            tokens.append(token)
    found.append(Clause(start, len(sentence), opener, tokens, listing=listing))
    _never_ruled_out(found)
    before: list[list[_Said]] = []
    last: Clause | None = None
    for clause in found:
        reading = _Reading(sentence, clause, before, context)
        if clause.opener == ":" and before and _is_heading(last):
            reading.heading = before[-1][-1]
        before += reading.run()
        last = clause
    return found


def _never_ruled_out(parts: list[Clause]) -> None:
    """Make 排除 behind 不能因 a hedge (不能因平片阴性就排除骨折)."""
    unable = False
    for clause in parts:
        for index, token in enumerate(clause.tokens):
            if unable and "ruled_out" in token.kinds:
                clause.tokens[index] = token._replace(kinds=_NOT_RULED_OUT)
                unable = False
            unable = unable or "unable" in token.kinds


def _is_heading(clause: Clause | None) -> bool:
    """Whether a clause names an organ and says nothing of it (双肾:未见积水)."""
    return (
        clause is not None
        and not clause.found
        and bool(clause.tokens)
        and all({"organ", "side"} & set(token.kinds) for token in clause.tokens)
    )


def _only_cues(tokens: list[Token], start: int, end: int) -> bool:
    """Whether a clause so far is nothing but a denial, which then is said of what follows."""
    return (
        bool(tokens)
        and tokens[0].start == start
        and tokens[-1].end == end
        and all("negation_before" in token.kinds for token in tokens)
    )


class _Reading:
    """One pass over a clause's tokens."""

    def __init__(
        self, sentence: str, clause: Clause, before: list[list[_Said]], context: str | None
    ) -> None:
        self.sentence, self.clause, self.before = sentence, clause, before
        self.context = context
        self.heading: _Said | None = None
        self.groups: list[list[_Said]] = []
        self.sides: list[str] = []
        self.organs: list[Organ] = []
        self.joined = False  # whether the token before was a conjunction
        self.beside_short = False  # whether an organ of one character touches the next
        self.bare_organs = False  # whether organs stand before that no finding took yet
        self.by_default = False  # whether the last head looked for found no organ
        self.rest = False  # whether 余 stands before
        self.normal_ahead: Token | None = None  # 正常的, which its organ follows

    def run(self) -> list[list[_Said]]:
        for index, token in enumerate(self.clause.tokens):
            kinds = token.kinds
            if "ignore" in kinds:
                continue
            if "head" in kinds or "name" in kinds:
                self._finding(index, token)
            elif "organ" in kinds and self._ends_other(index):
                continue
            elif "organ" in kinds:
                self._normal_organ(index, token)
                before = self.clause.tokens[index - 1] if index else token
                self.beside_short = before.end == token.start and before.end - before.start == 1
                self._organ(kinds["organ"][0], self.sentence[token.start : token.end])
            elif "side" in kinds:
                self.sides.append(kinds["side"][0])
                continue  # 、右 keeps the coordination open
            elif kinds.get("normal") == ("before",):
                self.normal_ahead = token
            elif "normal" in kinds:
                self._normal(index, token)
            elif "rest" in kinds:
                self.rest = True
            elif "but" in kinds and self.sentence[token.start] == "除":
                self.sides, self.organs = [], []  # 双肺除右上叶条索影外
            self.joined = "conjunction" in kinds or "alternative" in kinds
        return self.groups

    def _touches(self, phrase: str) -> bool:
        """Whether an organ of one character stands right behind another (肝胆胰脾)."""
        return len(phrase) == 1 and self.beside_short

    def _ends_other(self, index: int) -> bool:
        """Whether a word only ends the name of a body part that no list has (腕骨, 掌骨基底部)."""
        token = self.clause.tokens[index]
        before = self.clause.tokens[index - 1] if index else None
        word = self.sentence[token.start : token.end]
        if before is None or before.end != token.start or word not in words("part_words"):
            return False
        return any(organ.name == "other" for organ in before.kinds.get("organ", ()))

    def _organ(self, organ: Organ, phrase: str) -> None:
        if organ.name not in words("sideless_organs"):
            self.sides += sides_in(phrase)
        if organ.name == "node":
            self._nodes()
            return
        said = _Said(organ, self.sides[-1] if self.sides else None)
        self.organs.append(organ)
        if self.bare_organs and (self.joined or self._touches(phrase)):
            self.groups[-1].append(said)
        else:
            self.groups.append([said])
        self.bare_organs = True

    def _normal_organ(self, index: int, token: Token) -> None:
        """正常大小的心影: the statement stands before its organ."""
        ahead, self.normal_ahead = self.normal_ahead, None
        if ahead is None or ahead.end != token.start:
            return
        for code in normality("normal", token.kinds["organ"][0].name):
            self._add_all(index, token, [(code, None)])
            self.clause.found[-1].fixed = True
            absent = code != "no_finding"
            self.clause.found[-1].polarity = Certainty.ABSENT if absent else Certainty.PRESENT

    def _nodes(self) -> None:
        """纵隔及肺门 before 淋巴结 are places of nodes."""
        if self.groups:
            self.groups[-1] = [
                _Said(Organ(f"{said.organ.name}_node", None), said.side) for said in self.groups[-1]
            ]
        else:
            self.groups.append([_Said(Organ("node", None), None)])

    def _finding(self, index: int, token: Token) -> None:
        phrase = self.sentence[token.start : token.end]
        heads = token.kinds.get("head", ())
        names = token.kinds.get("name", ())
        if "compared" in token.kinds and self.clause.found and not self.organs:
            return  # 结节较前增大: the word is about the finding before it
        if phrase == "炎" and self._of_another(index, token):
            return  # 心肌炎, 牙周炎
        for head in sorted(heads, key=words("denied_heads").__contains__):
            hits = self._resolve(head, index)
            if hits:
                hits = [(_narrower(code, names), said) for code, said in hits]
                self._add_all(index, token, hits, denied_only=head in words("denied_heads"))
                self.clause.found[-1].usual = self.by_default
                self.clause.found[-1].head = head
                return
            self.clause.unplaced = self.clause.unplaced or self.by_default
        elsewhere = not words("free_heads") & set(heads) and self._elsewhere()
        bound = words("bound_heads") & set(heads) or (heads and elsewhere)
        if not names or bound:
            return
        hits = [(code, None) for code in names]
        if self.joined and self.groups and self.bare_organs:
            shared = [(shared_head(phrase, said.organ.name), said) for said in self.groups[-1]]
            hits = [(code, said) for code, said in shared if code] + hits
        self._add_all(index, token, hits)
        self._remember(names[0], phrase)

    def _of_another(self, index: int, token: Token) -> bool:
        """Whether 炎 ends the name of an inflammation that the vocabulary does not have."""
        before = self.clause.tokens[index - 1] if index else None
        if before is not None and before.end == token.start:
            organs = before.kinds.get("organ", ())
            return bool(organs) and not any(composed("inflammation", o.name) for o in organs)
        alone = token.start == self.clause.start
        return not alone and self.sentence[token.start - 1] not in _BEFORE_INFLAMMATION

    def _elsewhere(self) -> bool:
        """Whether the clause or its section is about an organ that its words are not of."""
        name = self.groups[-1][-1].organ.name if self.groups else self.context
        return name is not None and name not in words("open_organs")

    def _resolve(self, head: str, index: int) -> list[tuple[str, _Said | None]]:
        self.by_default = False
        behind = [] if self.groups or head in words("near_heads") else self.before[-3:]
        if behind and self.heading is not None:
            behind = [[self.heading]]
        for group in [*reversed(self.groups), *reversed(behind)]:
            hits: list[tuple[str, _Said | None]] = [
                (code, said) for said in group if (code := composed(head, said.organ.name))
            ]
            if hits:
                return hits if group in self.groups else [(hits[0][0], None)]
            if group in self.groups and group[-1].organ.name in words("closed_organs"):
                return []
        self.by_default = True
        return [] if self._unlisted(index) else self._usual(head)

    def _unlisted(self, index: int) -> bool:
        """Whether a body part that no list has stands right before a token (跟腱炎症, 腕骨骨折)."""
        tokens = self.clause.tokens
        start = tokens[index].start
        before = tokens[index - 1].end if index else self.clause.start
        return start > before and self.sentence[start - 1] in rules()["body_characters"]

    def _usual(self, head: str) -> list[tuple[str, _Said | None]]:
        """Return what a head names where no organ in reach takes it."""
        if self.context is not None and not self.groups:
            code = composed(head, self.context)
            if code or self.context in words("closed_organs"):
                return [(code, None)] if code else []
        named = {said.organ.name for group in [*self.before, *self.groups] for said in group}
        if self.context is not None:
            named.add(self.context)
        if self.groups and self._owned():
            return []
        default = composed(head, "none") if named <= words("chest_organs") else None
        default = default or composed(head, "any")
        return [(default, None)] if default else []

    def _owned(self) -> bool:
        """Whether the clause is about an organ that leaves no word to the usual organ."""
        return self.groups[-1][-1].organ.name in words("own_organs")

    def _add_all(
        self,
        index: int,
        token: Token,
        hits: list[tuple[str, _Said | None]],
        denied_only: bool = False,
    ) -> None:
        apart = len({code for code, _ in hits}) > 1
        phrase = self.sentence[token.start : token.end]
        sides, organs = sides_in(phrase), inner_places(phrase)
        start = token.start
        for code in dict.fromkeys(code for code, _ in hits):
            found = Found(code, start, token.end, index, denied_only=denied_only)
            own = [said for other, said in hits if other == code and said is not None]
            if apart and own:
                found.sides = {said.side for said in own if said.side}
                found.organs = [said.organ for said in own]
            else:
                found.sides = set(self.sides)
                found.organs = list(self.organs)
            over = self.heading if not found.sides else None
            if over and over.side and all(o.name == over.organ.name for o in found.organs):
                found.sides, found.lent = {over.side}, True
            found.own = bool(found.sides or found.organs)
            found.illness = "illness" in token.kinds and not found.own
            found.sides.update(sides)
            found.organs += organs
            self.clause.found.append(found)
        self.sides, self.organs, self.bare_organs = [], [], False

    def _remember(self, code: str, phrase: str) -> None:
        """The organ of a name stands for the heads after it."""
        organs = inner_places(phrase)
        name = organ_of(code) or (organs[-1].name if organs else None)
        region = vocabulary()[code].region
        if name is None and region is not Region.CHEST:
            name = region.value
        if name is not None:
            self.groups.append([_Said(Organ(name, None), None)])

    def _normal(self, index: int, token: Token) -> None:
        taken = bool(self.clause.found) and not self.organs
        phrase = self.sentence[token.start : token.end]
        if denies(self.clause, index) or taken:
            return
        if not self.groups and _ATTRIBUTE.match(self.sentence, self.clause.start):
            self.groups += self.before[-1:]
        if not self.groups and self.heading is not None:
            self.groups.append([self.heading])
        if not self.groups:
            if not self.rest and self.context is None and any(w in phrase for w in _ACUTE):
                self._add_all(index, token, [("no_finding", None)])
                self.clause.found[-1].fixed = self.clause.found[-1].listed = True
            return
        for predicate in token.kinds["normal"]:
            if predicate == "before":
                continue
            hits = [
                (code, said)
                for said in self.groups[-1]
                for code in normality(predicate, said.organ.name)
            ]
            if hits and hits[0][0] == "no_finding" and self.rest:
                return
            if hits:
                before = len(self.clause.found)
                partly = {said for _, said in hits} != set(self.groups[-1])
                self._add_all(index, token, list(hits))
                for found in self.clause.found[before:]:
                    if partly and hits[0][1].side:
                        found.sides = {said.side for _, said in hits if said.side}
                    found.fixed = True
                    absent = found.code != "no_finding"
                    found.polarity = Certainty.ABSENT if absent else Certainty.PRESENT
                return


def _narrower(code: str, names: tuple[str, ...]) -> str:
    """Return the name that says more than what a head and its organ make (大面积脑梗死)."""
    return next((name for name in names if code in lineage(name)[1:]), code)


def denies(clause: Clause, index: int) -> bool:
    """Whether 没有异常 and the like only open what they deny (没有异常积液)."""
    token = clause.tokens[index]
    after = clause.tokens[index + 1] if index + 1 < len(clause.tokens) else None
    return (
        "unseen" in token.kinds.get("normal", ())
        and after is not None
        and after.start == token.end
        and bool({"head", "name"} & set(after.kinds))
    )


def sides_in(phrase: str) -> list[str]:
    """Sides that an organ's or a finding's own name says (肝右叶, 左移)."""
    if any(word in phrase for word in _CHAMBERS):
        return []
    return [side for character, side in _SIDES.items() if character in phrase]


@lru_cache(maxsize=4096)
def inner_places(phrase: str) -> tuple[Organ, ...]:
    """Organs that a finding's own name says (肺尖胸膜增厚)."""
    return tuple(
        organ for token in places().find(phrase) for organ in token.kinds.get("organ", ())[:1]
    )


@lru_cache(maxsize=256)
def organ_of(code: str) -> str | None:
    """The organ that a finding's name brings to the words after it."""
    for organ, codes in rules()["organ_of"].items():
        if code in codes.split():
            return str(organ)
    return "lung" if of_lung(code) else None
