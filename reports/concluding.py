"""An impression drawn from the findings as they stand, offered as changes to the one that is there.

What the findings state as abnormal is named, the most serious first: the site's critical values,
then the levels of `concluding.yaml`. Every offered text is read back (`composing`, `borne`): it
states no finding, side, number or certainty that the findings, in its language, do not. What a
person wrote or confirmed is never touched, and neither is a line that the findings bear.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files

from radraft.core.yaml_files import Strict
from radraft.reports.assertion import asserted
from radraft.reports.checks.examination import region_of
from radraft.reports.checks.named import NamedFinding, named, names_of
from radraft.reports.checks.stated import related, relations, sides_of
from radraft.reports.checks.values import ReadReport, ReadSentence
from radraft.reports.composing import compose
from radraft.reports.critical import CriticalRules, judged
from radraft.reports.findings.extract import extract
from radraft.reports.findings.statements import State, statements
from radraft.reports.findings.values import Change, Mention
from radraft.reports.findings.vocabulary import Kind, Region, counted_as, lineage, vocabulary
from radraft.reports.outdated import standing
from radraft.reports.values import LANGS, Certainty, Lang, Origin, Section, Sentence, Wording

Texts = tuple[tuple[Lang, str], ...]
"""A line's texts by language, in display order."""
_NORMAL = "no_finding"


class Step(StrEnum):
    """What an offered change does to the impression."""

    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True)
class Line:
    """A line of an impression."""

    texts: Texts
    """One in each language in which the findings bear it, in display order."""
    codes: tuple[str, ...]
    rests_on: tuple[str, ...]
    """Sentences of the findings, by their ids."""
    rank: int
    """0 for the most serious."""
    origin: Origin = Origin.COMPOSED

    @property
    def line_id(self) -> str:
        """The id of its sentence: the same words have the same one in every page."""
        words = "\n".join(f"{lang} {text}" for lang, text in self.texts)
        return f"i-{hashlib.sha256(words.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Proposal:
    """One change to the impression that a reader may take or leave."""

    step: Step
    sentence_id: str
    """The line it changes; of an added one its own."""
    before: str | None
    """The line that an added one stands before; None at the end."""
    line: Line | None
    """The new line; None where the old one is removed."""


class Untold(StrEnum):
    """Why something of the findings is not in the impression that is offered."""

    NO_WORDS = "no_words"
    """The vocabulary has no words that read back as the finding."""
    NOT_BORNE = "not_borne"
    """A text was made that states more than the findings."""


@dataclass(frozen=True)
class LeftOut:
    """A finding of which no line is offered."""

    sentence_id: str
    code: str
    why: Untold


@dataclass(frozen=True)
class Conclusion:
    """What is offered, and what it leaves to the reader."""

    proposals: tuple[Proposal, ...]
    left_out: tuple[LeftOut, ...]
    contradicted: tuple[str, ...]
    """Lines that a person wrote or confirmed and the findings do not bear: they stay."""
    refused: int = 0
    """How many lines of a model are not offered because the findings do not bear them."""


@dataclass(frozen=True)
class _Claim:
    """One abnormal finding of the findings section, in the language it was read in."""

    mention: Mention
    lang: Lang
    sentence_ids: tuple[str, ...]
    critical: bool
    place: int
    """Its place in reading order."""

    @property
    def rank(self) -> int:
        level = 0 if self.critical else 1 + level_of(self.mention.code)
        return 2 * level + (self.mention.polarity is not Certainty.PRESENT)


def conclude(read: ReadReport, rules: CriticalRules) -> Conclusion:
    """Return the changes that bring the impression of a report to its findings.

    Nothing normal is offered where something is abnormal. Where nothing is, one line says so, and
    only where the findings do.
    """
    lines, left_out = _drawn(read, rules)
    return _changes(read, lines, left_out)


def conclude_with(
    read: ReadReport, rules: CriticalRules, written: Iterable[Texts]
) -> Conclusion | None:
    """Return the changes of `conclude` in the words of a model: the lines that it has `written`, as
    far as the findings bear them, and the vocabulary's for what it left out. None where none of its
    lines is borne."""
    drawn, left_out = _drawn(read, rules)
    tried = list(written)
    lines = [line for texts in tried if (line := _written(read, texts, drawn)) is not None]
    if not lines:
        return None
    region = region_of(read.study.body_part)
    told: dict[Lang, list[Mention]] = {lang: [] for lang in LANGS}
    for line in lines:
        for lang, text in line.texts:
            told[lang] += extract(text, lang, region)
    refused = len(tried) - len(lines)
    lines += [line for line in drawn if not _is_told(line, told, read)]
    lines.sort(key=lambda line: line.rank)
    return replace(_changes(read, lines, left_out), refused=refused)


def _drawn(read: ReadReport, rules: CriticalRules) -> tuple[list[Line], list[LeftOut]]:
    """Return the lines of the finding vocabulary, the most serious first."""
    claims = sorted(_claims(read, rules), key=lambda claim: (claim.rank, claim.place))
    lines, left_out = _lines(read, claims)
    return (lines if claims else _normal_lines(read)), left_out


def _written(read: ReadReport, texts: Texts, drawn: Sequence[Line]) -> Line | None:
    """Return a model's line if the findings bear it in each language, and it names something."""
    region = region_of(read.study.body_part)
    codes: dict[str, None] = {}
    for lang, text in texts:
        mentions = extract(text, lang, region)
        if not mentions or not borne(text, lang, read):
            return None
        codes |= dict.fromkeys(mention.code for mention in mentions)
    kin = [line for line in drawn if set(line.codes) & codes.keys()]
    rests_on = tuple(dict.fromkeys(key for line in kin for key in line.rests_on))
    rank = min((line.rank for line in kin), default=_LAST)
    return Line(texts, tuple(codes), rests_on, rank, Origin.MODEL)


def _changes(
    read: ReadReport, lines: Sequence[Line], left_out: Sequence[LeftOut] = ()
) -> Conclusion:
    """Return the changes that bring `lines` into the impression of a report: what it states already
    is not offered again, and machines' lines that no longer hold are replaced or removed."""
    stale = {line.sentence_id: line for line in standing(read).stale}
    existing = read.by_section[Section.IMPRESSION]
    removable = [line for line in existing if line.sentence.id in stale and not _is_persons(line)]
    staying = [line for line in existing if line not in removable]
    wanted = [line for line in lines if not _is_carried(line, staying, read)]
    found: list[Proposal] = []
    for old in removable:
        new = max(wanted, key=lambda line: _kinship(old, line), default=None)
        if new is None or not _kinship(old, new):
            found.append(Proposal(Step.REMOVE, old.sentence.id, None, None))
        else:
            wanted.remove(new)
            found.append(Proposal(Step.REPLACE, old.sentence.id, None, new))
    now = {proposal.sentence_id: proposal.line for proposal in found}
    ranks = [(line.sentence.id, _rank_now(line, now)) for line in existing]
    for line in wanted:
        before = next((key for key, rank in ranks if rank > line.rank), None)
        found.append(Proposal(Step.ADD, line.line_id, before, line))
    contradicted = [line.sentence.id for line in staying if line.sentence.id in stale]
    return Conclusion(tuple(found), tuple(left_out), tuple(contradicted))


def borne(text: str, lang: Lang, read: ReadReport) -> bool:
    """Return whether the findings, in `lang`, state everything that `text` states: each finding at
    its certainty, side, place, sizes and change, and every number."""
    region = region_of(read.study.body_part)
    known = _stated_mentions(read, lang)
    if not _numbers(text) <= _numbers_of(read, lang) or _foreign_names(text, lang, read):
        return False
    return all(
        any(_bears(finding, mention) for finding in known)
        or (mention.code == _NORMAL and says_normal(read, lang))
        for mention in extract(text, lang, region)
    )


_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def _numbers(text: str) -> set[float]:
    return {float(number) for number in _NUMBER.findall(text)}


def _numbers_of(read: ReadReport, lang: Lang) -> set[float]:
    """Return the numbers of the findings as they are written, and their sizes in millimetres."""
    texts = (sentence.sentence.text(lang) for sentence in read.by_section[Section.FINDINGS])
    written = {number for text in texts for number in _numbers(text)}
    mentions = _stated_mentions(read, lang)
    sizes = {round(size, 3) for mention in mentions for size in mention.size_mm}
    volumes = {mention.volume_ml for mention in mentions if mention.volume_ml is not None}
    return written | sizes | volumes


def _foreign_names(text: str, lang: Lang, read: ReadReport) -> bool:
    """Return whether a text names a finding outside the vocabulary that the findings do not."""
    region = region_of(read.study.body_part)
    sentence = Sentence("line", (Wording(lang, text, Origin.COMPOSED),))
    line = ReadSentence(sentence, Section.IMPRESSION, {lang: extract(text, lang, region)})
    known = {name.name for name in named(read, lang, Section.FINDINGS)}
    return any(
        not name.absent and name.name not in known and not _is_coded(name)
        for name in names_of(line, lang)
    )


def _is_coded(name: NamedFinding) -> bool:
    """Return whether the vocabulary has a code for a name's words: that is judged as such."""
    return any(
        mention.start < name.end and name.start < mention.end
        for mention in name.read.mentions.get(name.lang, ())
    )


def says_normal(read: ReadReport, lang: Lang) -> bool:
    """Return whether the findings, in `lang`, call the examination normal: they say so, or deny
    what `concluding.yaml` asks of its body part; and nothing they name is wrong."""
    mentions = _stated_mentions(read, lang)
    if not mentions or any(_is_wrong(mention) for mention in mentions):
        return False
    if any(not name.absent and name.important for name in named(read, lang, Section.FINDINGS)):
        return False
    if any(mention.code == _NORMAL for mention in mentions):
        return True
    region = region_of(read.study.body_part)
    denied = None if region is None else _data().normal.get(region)
    known = statements(mentions)
    return denied is not None and all(
        any(code in known and known[code].state is State.ABSENT for code in group.split())
        for group in denied
    )


def _claims(read: ReadReport, rules: CriticalRules) -> Iterator[_Claim]:
    """Yield the abnormal findings, each patient's problem once, in reading order."""
    found: list[_Claim] = []
    for place, sentence in enumerate(read.by_section[Section.FINDINGS]):
        lang = main_language(sentence.sentence)
        if lang is None:
            continue
        text = sentence.sentence.text(lang)
        mentions = sentence.mentions.get(lang, ())
        critical = {one.mention for one in judged(text, lang, mentions, rules)}
        for mention in mentions:
            if _is_wrong(mention) or _is_resolved(mention):
                plain = replace(mention, start=0, end=0)
                key = (sentence.sentence.id,)
                found.append(_Claim(plain, lang, key, mention in critical, place))
    merged = _merged(found)
    yield from (claim for claim in merged if not any(_implies(other, claim) for other in merged))


def main_language(sentence: Sentence) -> Lang | None:
    """Return the language that a sentence is read in: the one that a person wrote, else the first
    that it has."""
    written = [wording.lang for wording in sentence.wordings if wording.text.strip()]
    by_person = [lang for lang in written if asserted(sentence, lang)]
    return next(iter((*by_person, *written)), None)


def _merged(claims: Iterable[_Claim]) -> list[_Claim]:
    """Return claims with one said twice told once, as its fullest words have it."""
    kept: list[_Claim] = []
    for claim in claims:
        for number, other in enumerate(kept):
            fuller = _fuller(other.mention, claim.mention)
            if fuller is not None:
                keys = tuple(dict.fromkeys((*other.sentence_ids, *claim.sentence_ids)))
                critical = other.critical or claim.critical
                kept[number] = replace(other, mention=fuller, sentence_ids=keys, critical=critical)
                break
        else:
            kept.append(claim)
    return kept


def _fuller(one: Mention, other: Mention) -> Mention | None:
    """Return the one of two mentions that states all that the other does; None where neither."""
    if _bears(one, other) and one.code == other.code:
        return one
    return other if _bears(other, one) and one.code == other.code else None


def _implies(other: _Claim, claim: _Claim) -> bool:
    """Return whether a more specific, or a surer, finding of the same place says all that `claim`
    does."""
    specific, general = other.mention, claim.mention
    surer = specific.polarity is Certainty.PRESENT and general.polarity is Certainty.UNCERTAIN
    if surer:
        # What is there is not also only possible.
        return _bears(replace(specific, polarity=Certainty.UNCERTAIN), general)
    return specific.code != general.code and _bears(specific, general)


def _bears(finding: Mention, mention: Mention) -> bool:
    """Return whether what `finding` states covers what `mention` does."""
    if counted_as(mention.code) not in lineage(finding.code):
        return False
    if mention.polarity is not finding.polarity:
        return False
    if mention.polarity is Certainty.ABSENT and counted_as(finding.code) != counted_as(
        mention.code
    ):
        return False
    sides, known = sides_of(mention), sides_of(finding)
    if mention.polarity is Certainty.ABSENT:
        # What is denied everywhere is denied on each side.
        is_sided = not known or sides <= known
    else:
        is_sided = sides == known or not sides
    return (
        is_sided
        and mention.anatomy in (None, finding.anatomy)
        and mention.change in (None, finding.change)
        and set(mention.size_mm) <= set(finding.size_mm)
        and mention.percent in (None, finding.percent)
        and mention.volume_ml in (None, finding.volume_ml)
    )


def _lines(read: ReadReport, claims: Sequence[_Claim]) -> tuple[list[Line], list[LeftOut]]:
    """Return a line for each claim, the last levels' in one, and the claims that have none."""
    lines: list[Line] = []
    left_out: list[LeftOut] = []
    together: list[_Claim] = []
    for claim in claims:
        line = _line(read, (claim,))
        if isinstance(line, Untold):
            line = _quoted(read, claim) or line
        if isinstance(line, Untold):
            left_out.append(LeftOut(claim.sentence_ids[0], claim.mention.code, line))
        elif not claim.critical and _data().levels[level_of(claim.mention.code)].together:
            together.append(claim)
        else:
            lines.append(line)
    joined = _line(read, together) if together else None
    if isinstance(joined, Line):
        lines.append(joined)
    else:
        singles = (_line(read, (claim,)) for claim in together)
        lines += [line for line in singles if isinstance(line, Line)]
    return lines, left_out


def _line(read: ReadReport, claims: Sequence[_Claim]) -> Line | Untold:
    """Return the line that names `claims`, in each language in which the findings state them."""
    region = region_of(read.study.body_part)
    texts: list[tuple[Lang, str]] = []
    problem = Untold.NO_WORDS
    for lang in LANGS:
        mentions = [_counterpart(read, claim, lang) for claim in claims]
        stated = [mention for mention in mentions if mention is not None]
        text = compose(stated, lang, region) if len(stated) == len(claims) else None
        if text is not None and borne(text, lang, read):
            texts.append((lang, text))
        elif text is not None:
            problem = Untold.NOT_BORNE
    if not texts:
        return problem
    codes = tuple(claim.mention.code for claim in claims)
    rests_on = tuple(dict.fromkeys(key for claim in claims for key in claim.sentence_ids))
    return Line(tuple(texts), codes, rests_on, min(claim.rank for claim in claims))


def _quoted(read: ReadReport, claim: _Claim) -> Line | None:
    """Return the line that repeats a sentence of the findings which states nothing but `claim`."""
    if len(claim.sentence_ids) != 1:
        return None
    (key,) = claim.sentence_ids
    sentence = next(s for s in read.by_section[Section.FINDINGS] if s.sentence.id == key)
    if any(len(mentions) != 1 for mentions in sentence.mentions.values()):
        return None
    texts = sentence.texts()
    return Line(texts, (claim.mention.code,), claim.sentence_ids, claim.rank)


def _counterpart(read: ReadReport, claim: _Claim, lang: Lang) -> Mention | None:
    """Return what the claim's sentences state of its finding in `lang`; None where they have other
    facts there, or no text."""
    if lang == claim.lang:
        return claim.mention
    wanted = claim.mention
    for sentence in read.by_section[Section.FINDINGS]:
        if sentence.sentence.id not in claim.sentence_ids:
            continue
        for mention in sentence.mentions.get(lang, ()):
            same = counted_as(mention.code) == counted_as(wanted.code)
            if (
                same
                and mention.polarity is wanted.polarity
                and mention.laterality is wanted.laterality
                and mention.size_mm == wanted.size_mm
            ):
                return replace(mention, start=0, end=0)
    return None


def _normal_lines(read: ReadReport) -> list[Line]:
    """Return the line of a normal examination, where the findings call it so."""
    region = region_of(read.study.body_part)
    normal = Mention(_NORMAL, Certainty.PRESENT)
    written = [lang for lang in LANGS if _stated_mentions(read, lang)]
    if not written or not all(says_normal(read, lang) for lang in written):
        return []
    composed = ((lang, compose([normal], lang, region)) for lang in written)
    texts = tuple((lang, text) for lang, text in composed if text is not None)
    rests_on = tuple(s.sentence.id for s in read.by_section[Section.FINDINGS])
    return [Line(texts, (_NORMAL,), rests_on, _LAST)] if texts else []


def _is_persons(line: ReadSentence) -> bool:
    """Return whether a person wrote or confirmed any of a line."""
    return any(asserted(line.sentence, lang) for lang in LANGS)


def _is_carried(line: Line, staying: Sequence[ReadSentence], read: ReadReport) -> bool:
    """Return whether lines that stay name every finding of `line`."""
    told = {
        lang: [mention for each in staying for mention in each.mentions.get(lang, ())]
        for lang in LANGS
    }
    if any(line.texts == each.texts() for each in staying):
        return True
    return _is_told(line, told, read)


def _is_told(line: Line, known: Mapping[Lang, Sequence[Mention]], read: ReadReport) -> bool:
    """Return whether `known` mentions name every finding of `line`, in one of its languages."""
    region = region_of(read.study.body_part)
    for lang, text in line.texts:
        told = known[lang]
        mentions = extract(text, lang, region)
        if told and all(any(_names(other, mention) for other in told) for mention in mentions):
            return True
    return False


def _names(line: Mention, finding: Mention) -> bool:
    """Return whether a mention of an impression may be taken to name a finding on all its sides."""
    if line.polarity is Certainty.ABSENT and finding.polarity is not Certainty.ABSENT:
        return False
    if finding.code == _NORMAL or line.code == _NORMAL:
        return finding.code == line.code
    sides, others = sides_of(finding), sides_of(line)
    if others and not sides <= others:
        return False
    codes, others_codes = lineage(finding.code), lineage(line.code)
    if counted_as(line.code) in codes or counted_as(finding.code) in others_codes:
        return True
    # Pneumonia is concluded from a consolidation.
    return line.code in relations().interpreted and bool(set(codes) & set(others_codes))


def _kinship(old: ReadSentence, line: Line) -> int:
    """Return how near a new line is to what an old one was about: 3 the same finding, 2 of one
    kind, 1 related, 0 not at all. One that called everything normal was about everything."""
    codes = {mention.code for mentions in old.mentions.values() for mention in mentions}
    if _NORMAL in codes or codes & set(line.codes):
        return 3
    kinds = {link for code in codes for link in lineage(code)}
    if kinds & {link for code in line.codes for link in lineage(code)}:
        return 2
    return int(any(related(code, other) for code in codes for other in line.codes))


def _rank_now(line: ReadSentence, changed: Mapping[str, Line | None]) -> int:
    """Return how serious an existing line is once it is `changed`; -1 where it is removed."""
    if line.sentence.id not in changed:
        return _rank_of(line)
    new = changed[line.sentence.id]
    return -1 if new is None else new.rank


def _rank_of(line: ReadSentence) -> int:
    """Return how serious an existing line is; the last where it names nothing that is wrong."""
    ranks = [
        2 * (1 + level_of(mention.code))
        for mentions in line.mentions.values()
        for mention in mentions
        if _is_wrong(mention)
    ]
    return min(ranks, default=_LAST)


def _is_wrong(mention: Mention) -> bool:
    kind = vocabulary()[mention.code].kind
    return mention.polarity is not Certainty.ABSENT and kind is Kind.FINDING


def _is_resolved(mention: Mention) -> bool:
    is_finding = vocabulary()[mention.code].kind is Kind.FINDING
    return mention.change is Change.RESOLVED and is_finding


def _stated_mentions(read: ReadReport, lang: Lang) -> list[Mention]:
    return [
        mention
        for sentence in read.by_section[Section.FINDINGS]
        for mention in sentence.mentions.get(lang, ())
    ]


class _Level(Strict):
    name: str
    codes: str
    together: bool = False
    """Whether its findings share one line."""


class _Data(Strict):
    levels: tuple[_Level, ...]
    normal: dict[Region, tuple[str, ...]]


@cache
def _data() -> _Data:
    path = files("radraft.reports").joinpath("concluding.yaml")
    return _Data.from_yaml(path.read_text(encoding="utf-8"))


@cache
def _levels() -> dict[str, int]:
    return {
        code: number for number, level in enumerate(_data().levels) for code in level.codes.split()
    }


def level_of(code: str) -> int:
    """Return the level of a finding, 0 for the most serious. KeyError for one that has none."""
    return _levels()[code]


_LAST = 1_000
"""Rank of a line that names nothing wrong."""
