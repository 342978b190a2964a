"""What a sentence states: each finding that it names, with polarity, side, place and level.

Findings of the vocabulary are read by the finding reader (`reports/findings`), all others by the
words that the checks compare both languages by (`reports/checks`), with their rules of denial.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from radraft.llm.asking.lexicon import Word, lexicon
from radraft.llm.asking.places import sides_of, spots_of
from radraft.llm.asking.values import Polarity, SourceSentence
from radraft.reports.checks.bilingual import named_terms
from radraft.reports.checks.lexicon import NamedTerms
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Change, Mention
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary
from radraft.reports.values import Certainty, Lang, Laterality

_KEPT = 8192


@dataclass(frozen=True)
class Stated:
    """One word of a sentence, and what is said of it."""

    concepts: frozenset[str]
    """Findings and devices; empty for a place of which nothing known is said."""
    places: frozenset[str]
    polarity: Polarity
    sides: frozenset[str] = frozenset()
    spots: frozenset[str] = frozenset()
    """Levels, lobes, segments and ribs, as `kind:name`."""
    read: bool = False
    """Whether the finding reader says so."""
    own_place: bool = True
    """Whether its clause names the place, rather than one before."""


@dataclass(frozen=True)
class Clause:
    """A part of a sentence, with where it is about."""

    start: int
    end: int
    places: frozenset[str]
    sides: frozenset[str]
    spots: frozenset[str]
    own_place: bool


@dataclass(frozen=True)
class Text:
    """One language of a sentence, read."""

    lower: str
    lang: Lang
    clauses: tuple[Clause, ...]
    stated: tuple[Stated, ...]
    denials: NamedTerms

    def at(self, position: int) -> Stated:
        """Return what is said of a word at `position` that no list knows."""
        clause = next((c for c in self.clauses if position < c.end), self.clauses[-1])
        polarity = _polarity(self.lower, clause, position, self.denials, absent=False)
        sides = _nearest_side(self.lower, clause, position) or clause.sides
        return Stated(frozenset(), clause.places, polarity, sides, clause.spots)


_CHINESE_END = re.compile(r"[；;。，,：:]|但")
_LATIN_END = re.compile(
    r"[;:]|\.(?!\d)|,?\s\bbut\b|,(?=\s*(?:no|not|none|without|left|right|the"
    r"|with|infection|possibl\w+|probabl\w+|suspected|taken)\b)|\band (?=no\b|the (?:left|right)\b)"
)
_STRONG_END = re.compile(r"[。；;]|\.(?!\d)")
_GONE_ZH = re.compile(
    r"(?:已|已经|完全|均已|现已)(?:吸收|消失|消退|缓解|复张|恢复)|未再(?:显示|见)|不再|消失"
    r"|(?<![部好])(?<!部分)吸收(?![好部期中])|消退|未见$|(?:均|亦|也)未见|已(?:拔除|切除|取出"
    r"|拔出|移除)|闭合|(?<=结石)术后"
    r"|(?<=血肿)术后|清除术后"
)
_GONE_EN = re.compile(
    r"\b(?:has|have) (?:gone|resolved|disappeared|closed|been (?:absorbed|removed))\b(?! in part)"
    r"|resolved completely|no longer|\bis absent\b"
)
_NO_EN = re.compile(r"\b(?:no|not|without|neither|nor|none|never|free of|absence of)\b")
_NO_ZH = re.compile(
    r"未见|未发现|未显示|未及|没有|未(?!包括|置换|测|检查|查)|无(?!法|强化|回声)|不伴"
)
MAYBE = re.compile(
    r"不能(?:完全)?除外|不除外|待除外|需除外|待排|可疑|疑似|疑|可能|考虑|性质待定|待定|不能定性"
    r"|难以确定"
    r"|\bpossib|\bprobabl|\bsuspe|\bsuspici|\blikely\b|(?:cannot be|not)(?: entirely"
    r"| fully)? excluded"
    r"|to be excluded|\bmay\b|questionable|\bvs\b|indeterminate|\bsuggests?\b"
    r"|not to be characterised"
    r"|taken as|perhaps|presumably|\bcould be\b|favou?red|to exclude|to rule out|或许|也许|倾向"
    r"|(?<![待需])除外(?!了)|hard to (?:decide|tell)|提示|[^、，]或[^、，]"
    r"|(?:无法|不能|难以)(?:完全)?排除|鉴别困难|难以鉴别|未定(?!期)|有可能|undecided|uncertain"
    r"|(?:cannot be|not)(?: entirely| fully)? ruled out|both possible"
    r"|(?<!left)(?<!right)(?<!nor) or (?!ten"
    r"|more)"
)
_SURE_ENOUGH = re.compile(
    r"考虑(?:陈旧|良性|瘢痕)|considered (?:old|benign)|提示活动|not related|probably old"
    r"|taken as scar"
    r"|可能性小"
)
_NOT_EXCLUDED = re.compile(
    r"不能(?:完全)?除外|不除外|待除外|需除外|待排"
    r"|(?:cannot be|not)(?: entirely| fully)? (?:excluded|ruled out)|to be excluded"
    r"|(?:无法|不能|难以)(?:完全)?排除"
)
_TAKEN_OUT = re.compile(
    r"\b(?:after|following|status post) (?:removal|resection|excision|evacuation"
    r"|clipping) of [\w ]*$"
)
LIMITED = re.compile(
    r"无法(?:评价|判断|测量)|不能(?:评价|定性)|未(?:完全)?包括|显示(?:欠|不)清|未检查|未查|未测"
    r"|未能显示|受.{0,8}影响"
    r"|评价受限|敏感性有限|平片难以|受.{0,4}遮挡|遮挡|无法测量|部分(?:被)?遮|干扰"
    r"|(?:can|could)(?:not| not) be (?:judged|assessed|measured|characterised|evaluated|seen)"
    r"|not (?:fully )?included"
    r"|not (?:been )?examined|not assessable|not measured|obscured|poorly seen|hidden"
    r"|of limited sensitivity"
    r"|assessment .{0,30}limited|not to be characterised|hard to decide"
)


@lru_cache(maxsize=_KEPT)
def texts_of(sentence: SourceSentence, region: Region | None = None) -> tuple[Text, ...]:
    """Return the languages of a sentence, read."""
    found = []
    for text, lang in ((sentence.zh, "zh"), (sentence.en, "en")):
        if text.strip():
            found.append(_read(text, "zh" if lang == "zh" else "en", region))
    return tuple(found)


@lru_cache(maxsize=_KEPT)
def stated(sentence: SourceSentence, region: Region | None = None) -> tuple[Stated, ...]:
    """Return what both languages of a sentence state."""
    return tuple(one for text in texts_of(sentence, region) for one in text.stated)


def _read(text: str, lang: Lang, region: Region | None) -> Text:
    lower = text.lower()
    words = lexicon().find(lower)
    clauses = _clauses(lower, lang, words)
    denials = named_terms(text, lang)
    mentions = [
        m for m in extract(text, lang, region) if vocabulary()[m.code].kind is not Kind.NORMAL
    ]
    found: list[Stated] = []
    used: set[int] = set()
    for clause in clauses:
        here = [w for w in words if clause.start <= w.start < clause.end]
        before = len(found)
        for word in here:
            over = [
                (n, m) for n, m in enumerate(mentions)
                if m.start < word.end and word.start < m.end and word.findings
            ]  # fmt: skip
            used |= {n for n, m in over if word.findings & _meaning(m) or not _meaning(m)}
            found.append(_of_word(lower, clause, word, denials, [m for _, m in over]))
        if not here and clause.spots:
            found.append(
                Stated(frozenset(), clause.places, Polarity.PRESENT, clause.sides, clause.spots)
            )
        if not any(s.concepts - lexicon().predicates for s in found[before:]):
            found += _elided(lower[clause.start : clause.end], clause, found[:before])
    found += [
        _of_mention(lower, clauses, mention, denials)
        for n, mention in enumerate(mentions)
        if n not in used and mention.end
    ]
    return Text(lower, lang, tuple(clauses), tuple(found), denials)


def _placed(places: frozenset[str], mention: Mention) -> frozenset[str]:
    """Return the places of a clause; where it has none, those that the finding is always of."""
    return places or lexicon().places_of_code(mention.code)


def _clauses(lower: str, lang: Lang, words: Sequence[Word]) -> list[Clause]:
    end = _CHINESE_END if lang == "zh" else _LATIN_END
    places: frozenset[str] = frozenset()
    sides: frozenset[str] = frozenset()
    spots: frozenset[str] = frozenset()
    found: list[Clause] = []
    for start, stop in _parts(lower, end):
        here = [w for w in words if start <= w.start < stop]
        own = frozenset(p for w in here for p in w.places)
        own_sides, own_spots = sides_of(lower[start:stop]), spots_of(lower[start:stop])
        anew = start > 0 and _STRONG_END.search(lower, max(0, start - 2), start) is not None
        if own and anew and not (own & places):
            sides, spots = frozenset(), frozenset()
        places, sides, spots = own or places, own_sides or sides, own_spots or spots
        found.append(Clause(start, stop, places, sides, spots, bool(own)))
    return found or [Clause(0, len(lower), places, sides, spots, False)]


def _parts(text: str, end: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    ends = [match.start() for match in end.finditer(text)]
    starts = [0, *(match.end() for match in end.finditer(text))]
    for start, stop in zip(starts, [*ends, len(text)], strict=True):
        if text[start:stop].strip():
            yield start, stop


def _of_word(
    lower: str, clause: Clause, word: Word, denials: NamedTerms, over: Sequence[Mention]
) -> Stated:
    polarity = _polarity(lower, clause, word.start, denials, absent=word.absent)
    sides = _nearest_side(lower, clause, word.start) or clause.sides
    places = clause.places | word.places
    read = False
    for mention in over:
        if word.findings & _meaning(mention):
            polarity, read = _refined(mention, polarity, _gone(lower, clause, word.start)), True
            sides = _side(mention) or sides
            places = _placed(places, mention)
            break
    return Stated(word.findings, places, polarity, sides, clause.spots, read, clause.own_place)


def _refined(mention: Mention, by_rule: Polarity, gone: bool) -> Polarity:
    """Return what the finding reader says; what it counts as there though hedged, or as there
    though gone by now, as the clause has it."""
    said = _SAID[mention.polarity]
    if mention.change is Change.RESOLVED or gone:
        return Polarity.ABSENT
    return by_rule if said is Polarity.PRESENT and by_rule is Polarity.UNCERTAIN else said


def _of_mention(
    lower: str, clauses: Sequence[Clause], mention: Mention, denials: NamedTerms
) -> Stated:
    clause = next((c for c in clauses if mention.start < c.end), clauses[-1])
    places = clause.places
    if mention.anatomy is not None:
        places |= lexicon().of_anatomy(mention.anatomy)
    places = _placed(places, mention)
    by_rule = _polarity(lower, clause, mention.start, denials, absent=False)
    polarity = _refined(mention, by_rule, _gone(lower, clause, mention.start))
    return Stated(
        _meaning(mention), places, polarity, _side(mention) or clause.sides, clause.spots, read=True
    )


def _meaning(mention: Mention) -> frozenset[str]:
    return lexicon().of_code(mention.code)


_SAID = {
    Certainty.PRESENT: Polarity.PRESENT,
    Certainty.ABSENT: Polarity.ABSENT,
    Certainty.UNCERTAIN: Polarity.UNCERTAIN,
}
_SIDE = {
    Laterality.LEFT: frozenset({"left"}),
    Laterality.RIGHT: frozenset({"right"}),
    Laterality.BILATERAL: frozenset({"bilateral"}),
}


def _side(mention: Mention) -> frozenset[str]:
    return frozenset() if mention.laterality is None else _SIDE[mention.laterality]


def _polarity(
    lower: str, clause: Clause, at: int, denials: NamedTerms, *, absent: bool
) -> Polarity:
    part = lower[clause.start : clause.end]
    if absent:
        return Polarity.ABSENT
    if _NOT_EXCLUDED.search(part):
        return Polarity.UNCERTAIN
    if _TAKEN_OUT.search(lower[clause.start : at]):
        return Polarity.ABSENT
    if _gone(lower, clause, at):
        return Polarity.ABSENT
    maybe = MAYBE.search(part)
    hedged = maybe is not None and not _SURE_ENOUGH.search(part)
    for start, end in denials.denied:
        if start <= at < end and _reaches(lower, clause, start, end):
            # "Without displacement, possibly pathological": the second is not denied.
            return Polarity.UNCERTAIN if hedged and start < clause.start else Polarity.ABSENT
    cue = _NO_ZH.search(part) or _NO_EN.search(part)
    if cue is not None and clause.start + cue.end() <= at and not denials.denied:
        return Polarity.ABSENT
    return Polarity.UNCERTAIN if hedged else Polarity.PRESENT


def _gone(lower: str, clause: Clause, at: int) -> bool:
    """Return whether a clause says that what stands at `at` is there no more."""
    part = lower[clause.start : clause.end]
    gone = _GONE_ZH.search(part) or _GONE_EN.search(part)
    if gone is None:
        return _TAKEN_OUT.search(lower[clause.start : at]) is not None
    return clause.start + gone.start() >= at


def _reaches(lower: str, clause: Clause, start: int, end: int) -> bool:
    """Return whether a denied stretch denies what stands in `clause`: one that looks back from its
    cue does so no further than its own clause."""
    looks_back = not lower[:start].strip() or lower[:start].rstrip()[-1] in "，,；;。.：:"
    return not looks_back or clause.start < end <= clause.end + 2


def _nearest_side(lower: str, clause: Clause, at: int) -> frozenset[str]:
    """Return the side that stands last before a word, within its clause."""
    before = lower[clause.start : at]
    cut = max(before.rfind("、"), before.rfind(" and "), before.rfind("和"), before.rfind("及"))
    last = sides_of(before[cut + 1 :]) if cut >= 0 else frozenset()
    return last or (sides_of(before) if len(sides_of(before)) == 1 else frozenset())


_BARE_DENIAL = re.compile(
    r"^\W*(?:(?:左|右|对|双|两|另一)侧?|其余.{0,4}|余.{0,4})\W*(?:均|亦|也|则)?(?:未见|无|没有"
    r"|未及)\W*$"
    r"|^\W*(?:and )?none (?:on|of|in) (?:the )?(?:left|right|other)|^\W*(?:no"
    r"|none) on the (?:left|right)"
    r"|^\W*not on the (?:left|right)"
)


def _elided(part: str, clause: Clause, before: Sequence[Stated]) -> list[Stated]:
    """Return what a clause says of the finding before it on another side (右侧未见)."""
    last = next((one for one in reversed(before) if one.concepts - lexicon().predicates), None)
    if last is None:
        return []
    if _BARE_DENIAL.search(part):
        return [
            replace(last, polarity=Polarity.ABSENT, sides=sides_of(part) or clause.sides, read=True)
        ]
    if sides_of(part) and not clause.own_place:
        return [replace(last, sides=sides_of(part))]
    return []
