"""What sections state of findings, made ready to be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.checks.pointing import whole, words_of
from radraft.reports.checks.values import Pointer, ReadReport, ReadSentence
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, counted_as, lineage, vocabulary
from radraft.reports.values import Certainty, Lang, Laterality, Section


class Relations(Strict):
    """How findings hang together between sections (`relations.yaml`), by code."""

    broad: frozenset[str]
    related: tuple[frozenset[str], ...]
    important: frozenset[str]
    interpreted: frozenset[str]


@cache
def relations() -> Relations:
    """Return the relations. ValueError where they name a code that the vocabulary lacks."""
    path = files("radraft.reports.checks").joinpath("relations.yaml")
    known = Relations.from_yaml(path.read_text(encoding="utf-8"))
    named = known.broad | known.important | known.interpreted
    if unknown := named.union(*known.related) - vocabulary().keys():
        raise ValueError(f"relations.yaml: no finding {sorted(unknown)}")
    return known


@dataclass(frozen=True)
class Stated:
    """One mention and the sentence that it stands in."""

    read: ReadSentence
    lang: Lang
    mention: Mention
    code: str
    """What metrics count the mention's code as."""

    @property
    def text(self) -> str:
        """The sentence in the mention's language."""
        return self.read.sentence.text(self.lang)

    @property
    def present(self) -> bool:
        """Whether the finding is stated as there."""
        return self.mention.polarity is Certainty.PRESENT

    @property
    def absent(self) -> bool:
        """Whether the finding is denied."""
        return self.mention.polarity is Certainty.ABSENT

    @property
    def pointer(self) -> Pointer:
        """The words that name the finding; the sentence where the reader does not say which."""
        if not self.mention.end:
            return whole(self.read, self.lang)
        return words_of(self.read, self.lang, self.mention.start, self.mention.end)

    def name(self, lang: Lang) -> str:
        """Return the finding's name to show."""
        finding = vocabulary()[self.mention.code]
        return finding.zh if lang == "zh" else finding.en[0].lower() + finding.en[1:]


def stated(read: ReadReport, lang: Lang, section: Section) -> Iterator[Stated]:
    """Yield what a section states in one language, in reading order, without summaries of
    normality."""
    for sentence in read.by_section[section]:
        for mention in sentence.mentions.get(lang, ()):
            if vocabulary()[mention.code].kind is not Kind.NORMAL:
                yield Stated(sentence, lang, mention, counted_as(mention.code))


def one_finding(one: Stated, other: Stated) -> bool:
    """Return whether two mentions are of one finding: the same, or one implies the other and that
    is not too general to say."""
    if one.code == other.code:
        return True
    return other.code in _implied(one.code) or one.code in _implied(other.code)


def related(code: str, other: str) -> bool:
    """Return whether one section may mean by `other` what the other calls `code`."""
    codes, others = set(lineage(code)), set(lineage(other))
    if counted_as(code) in others or counted_as(other) in codes:
        return True
    return any(family & codes and family & others for family in relations().related)


@cache
def _implied(code: str) -> frozenset[str]:
    return frozenset(lineage(code)[1:]) - relations().broad


LEFT, RIGHT = frozenset({Laterality.LEFT}), frozenset({Laterality.RIGHT})
BOTH = LEFT | RIGHT


def sides_may_meet(sides: frozenset[Laterality], others: frozenset[Laterality]) -> bool:
    """Return whether two things may be on one side: one has none, or they share one."""
    return not sides or not others or bool(sides & others)


def sides_of(mention: Mention) -> frozenset[Laterality]:
    """Return left and right as a mention's side says; none where it has none."""
    if mention.laterality is None:
        return frozenset()
    return BOTH if mention.laterality is Laterality.BILATERAL else frozenset({mention.laterality})


_LEVELS = {
    anatomy: level
    for level, anatomies in {
        "upper": "upper_lobe apex upper_zone",
        "middle": "middle_lobe lingula middle_zone",
        "lower": "lower_lobe lung_base lower_zone costophrenic_angle",
        "rib": "rib",
        "clavicle": "clavicle",
        "shoulder": "shoulder",
        "sternum": "sternum",
        "cervical_spine": "cervical_spine",
        "thoracic_spine": "thoracic_spine",
        "lumbar_spine": "lumbar_spine",
    }.items()
    for anatomy in anatomies.split()
}
"""Anatomy that sets two mentions apart where it differs."""


def places_meet(one: Mention, other: Mention) -> bool:
    """Return whether two mentions may be of one place: no side and no level sets them apart."""
    sides, others = sides_of(one), sides_of(other)
    if sides and others and not sides & others:
        return False
    return levels_meet(one, other)


_LEVEL_WORDS: dict[Lang, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "en": tuple(
        (level, re.compile(rf"\b(?:{words})\b", re.IGNORECASE))
        for level, words in (
            ("upper", r"upper|apex|apical|apices|l?rul|lul"),
            ("middle", r"middle|mid(?:dle)?[- ]?(?:lobe|zone|lung)?|lingula\w*|rml"),
            ("lower", r"lower|bas(?:e|al|es|ilar)|costophrenic|rll|lll"),
        )
    ),
    "zh": (
        ("upper", re.compile("上叶|上肺|上野|肺尖|尖段|肺上")),
        ("middle", re.compile("中叶|中肺|中野|舌叶|舌段|肺中")),
        ("lower", re.compile("下叶|下肺|下野|肺底|肺下|基底|肋膈")),
    ),
}


def levels_of_words(text: str, lang: Lang) -> frozenset[str]:
    """Return the levels of the lungs that `text` names."""
    return frozenset(level for level, words in _LEVEL_WORDS[lang] if words.search(text))


def levels_meet(one: Mention, other: Mention) -> bool:
    """Return whether no level of the body sets two mentions apart."""
    level, other_level = _LEVELS.get(one.anatomy or ""), _LEVELS.get(other.anatomy or "")
    return level is None or other_level is None or level == other_level


OLD: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:old|healed|healing|chronic\w*|remote|prior|previous\w*|longstanding|long-?standing|"
        r"stable|"
        r"unchanged|residual|sequela\w*|post-?traumatic|post-?surgical|post-?operative|"
        r"degenerative|callus|calcified|granuloma\w*)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "陈旧|愈合|慢性|既往|旧|稳定|未变|无变化|没有变化|同前|后遗|术后|骨痂|钙化|残留"
    ),
}
"""Words of what is not new."""
SMALL: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:minimal(?:ly)?(?! displaced)|trace|tiny|small|mild(?:ly)?|minor|subtle|"
        r"slight(?:ly)?|"
        r"borderline|questionable|subcentimeter|probable|possibl[ey]|likely|may|might|could|"
        r"suspected|suggest\w*|versus|vs|or|represent\w*)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "少量|微量|轻度|轻微|小的|小结节|细小|微小|极少|可能|疑似|或者|代表|表明|提示"
    ),
}
"""Words of what an impression may leave out: little, or not sure."""
