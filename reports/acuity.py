"""What a text says of a finding's age and course: old, unchanged, improving, after an operation,
unlikely, or acute and new. `docs/critical_values.md` says what each means.

A word counts for the finding that it stands beside: before it in the same phrase, or after it in
the same clause. What the extractor reads as a change (`Mention.change`) is taken from there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from radraft.reports.findings.values import Change, Mention
from radraft.reports.values import Lang


class Acuity(StrEnum):
    """One thing that is said of a finding."""

    WORSE = "worse"
    """New or larger."""
    ACUTE = "acute"
    """Acute, fresh, bleeding now: also where something older stands beside it."""
    OLD = "old"
    """Old, chronic, healed."""
    TREATED = "treated"
    """Operated on: repaired, stented, evacuated."""
    STABLE = "stable"
    IMPROVING = "improving"
    POSTOPERATIVE = "postoperative"
    """The expected consequence of an operation."""
    UNLIKELY = "unlikely"
    GONE = "gone"
    """Resolved."""


_OF_CHANGE = {
    Change.NEW: Acuity.WORSE,
    Change.INCREASED: Acuity.WORSE,
    Change.STABLE: Acuity.STABLE,
    Change.DECREASED: Acuity.IMPROVING,
    Change.RESOLVED: Acuity.GONE,
}


def acuity(text: str, lang: Lang, mention: Mention) -> frozenset[Acuity]:
    """Return what `text` says of `mention`, which was read in it; nothing where it says nothing."""
    words = _LANGUAGES[lang]
    before, after = _sentence(text, mention)
    # The words that name the finding may hold one themselves: "chronic subdural hematoma".
    named = text[mention.start : mention.end]
    phrase = words.phrase_end.split(before)[-1] + named
    clause = words.clause_end.split(after)[0]
    said = {word for word, pattern in words.before.items() if pattern.search(phrase)}
    said |= {word for word, pattern in words.after.items() if pattern.search(clause)}
    said |= {word for word, pattern in words.anywhere_after.items() if pattern.search(after)}
    if mention.percent or mention.volume_ml:
        # Measured: it is there, whatever was operated on.
        said -= {Acuity.POSTOPERATIVE, Acuity.TREATED}
    changed = _change(mention, phrase, clause, words, said)
    if words.no_better.search(clause):
        said.discard(Acuity.IMPROVING)
    return frozenset(said | changed)


def _change(
    mention: Mention, phrase: str, clause: str, words: _Words, said: set[Acuity]
) -> set[Acuity]:
    """What the extractor read as a change, where the words do not say otherwise."""
    if mention.change is None:
        return set()
    read = _OF_CHANGE[mention.change]
    # 明显 alone may be read as larger: 较前明显减轻 is not.
    if read is Acuity.WORSE and mention.change is Change.INCREASED and Acuity.IMPROVING in said:
        return set()
    if read in (Acuity.IMPROVING, Acuity.GONE) and words.no_better.search(clause):
        return set()
    # What persists and is large is no finding that is known to be harmless.
    if read is Acuity.STABLE and Acuity.STABLE not in said and words.large.search(phrase):
        return set()
    return {read}


def _sentence(text: str, mention: Mention) -> tuple[str, str]:
    """What stands before and after the finding's words in their sentence."""
    before = _SENTENCE_END.split(text[: mention.start])[-1]
    return before, _SENTENCE_END.split(text[mention.end :])[0]


# A point between digits is a decimal point.
_SENTENCE_END = re.compile(r"[。；;！!？?\n]|(?<!\d)\.(?=\s|$)|\.(?=\s|$)")


@dataclass(frozen=True)
class _Words:
    """A language's words, by what they say. `before`: in the phrase up to the finding's words and
    in these; `after`: behind them to the end of the clause; `anywhere_after`: to the end of the
    sentence."""

    phrase_end: re.Pattern[str]
    clause_end: re.Pattern[str]
    before: dict[Acuity, re.Pattern[str]]
    after: dict[Acuity, re.Pattern[str]]
    anywhere_after: dict[Acuity, re.Pattern[str]]
    no_better: re.Pattern[str]
    """An improvement that is denied, in the clause."""
    large: re.Pattern[str]
    """In the phrase."""


def _en(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_SURGERY = (
    r"(?:surger(?:y|ies)|operations?|laparoscop(?:y|ic)|laparotomy|craniotomy|thoracotomy|"
    r"pneumonectomy|lobectomy|post-?\s?(?:operative|surgical)|resection)"
)
_TREATED = (
    r"(?:repair|stent(?:ing)?|graft(?:ing)?|coiling|clipping|evacuation|fixation|shunting|"
    r"reduction)"
)
_TREATMENT = (
    rf"(?:{_TREATED}|embolization|appendectomy|treatment|resection|thrombectomy|fenestration)"
)
_POSTOPERATIVE = r"\bpost-?\s?(?:op|operative|surgical|procedural)\b"
_LITTLE = r"\b(?:small|trace|minimal|minor|tiny|residual)\b"
_NO_MORE = r"(?=\s*(?:$|,|\band\b))"
_ENGLISH = _Words(
    # "Chronic lung disease complicated by a pneumothorax": what follows is another matter.
    phrase_end=_en(
        r",|\band\b|\bwith\b|\bbut\b|\bplus\b|\bnow\b|\bin\b(?!\s+(?:size|density))|\bwithin\b|"
        r"\bby\b|\bdue\s+to\b|\bcausing\b|\bthere\b|\b(?:is|are|was|were|shows?|seen)\b"
    ),
    clause_end=_en(r"\bbut\b|\bhowever\b|\bwith\s+(?:new|acute|old|chronic)\b|\band\b"),
    before={
        Acuity.WORSE: _en(
            r"(?<!\bno\s)(?<!\bwithout\s)(?<!\bno\sevidence\sof\s)\b(?:new|newly|worsening|"
            r"worsened|enlarging|increasing|expanding|progressive|recurrent)\b"
        ),
        Acuity.ACUTE: _en(
            r"(?<!\bno\s)(?<!\bwithout\s)\b(?:acute|hyperacute|active|actively|fresh)\b"
        ),
        Acuity.OLD: _en(
            r"\b(?:old|chronic|remote|healed|healing|long-?standing|treated|repaired|ancient|"
            r"stented|prior|previous)\b"
            r"(?!\s+(?:study|exam|examination|film|scan|ct|mri|radiograph))|"
            r"\bsequela[e]?\s+of\b|\bhistory\s+of\b"
        ),
        Acuity.TREATED: _en(rf"\b{_TREATMENT}\s+(?:of|for)\s+(?:\w+\s+){{0,4}}"),
        Acuity.POSTOPERATIVE: _en(
            r"(?<!than\s)(?<!\bas\s)\bexpected\b|"
            rf"{_POSTOPERATIVE}.*{_LITTLE}|{_LITTLE}.*{_POSTOPERATIVE}|"
            rf"{_POSTOPERATIVE}.*\b(?:air|gas|pneumoperitoneum|pneumocephalus)\b"
        ),
        Acuity.UNLIKELY: _en(
            r"\b(?:unlikely|doubtful|less\s+likely|low\s+suspicion\s+(?:of|for))\b"
        ),
        Acuity.STABLE: _en(r"\b(?:stable|unchanged|unchanging)\b"),
        Acuity.IMPROVING: _en(
            r"\b(?:resolving|improving|improved|decreasing|decreased|regressing)\b"
        ),
    },
    after={
        Acuity.OLD: _en(
            r"\b(?:is|are|appears?|looks?)\s+(?:to\s+be\s+)?(?:well\s+|completely\s+|fully\s+)?"
            r"(?:old|chronic|remote|healed|long-?standing)\b|,\s*(?:likely\s+|probably\s+)?"
            rf"(?:old|chronic|healed|remote|treated){_NO_MORE}|\bwith\s+(?:encephalomalacia|callus|"
            r"(?:bony\s+)?bridging|sclerotic\s+margins)\b|\bhas\s+healed\b"
        ),
        Acuity.TREATED: _en(rf"\bstatus\s+post\s+(?:\w+\s+){{0,2}}{_TREATED}\b|^\s+repair\b"),
        Acuity.WORSE: _en(
            r"\b(?:is|are)\s+new\b|\b(?:has|have)\s+(?:increased|enlarged|worsened|progressed|"
            r"recurred)\b|\bre-?bleed"
        ),
        Acuity.POSTOPERATIVE: _en(
            r"\b(?:consistent|compatible|in\s+keeping)\s+with\s+(?:\w+\s+){0,3}?"
            rf"{_SURGERY}|\b(?:related|attributable|due|secondary)\s+to\s+"
            r"(?:(?:the|a|recent|prior|previous|known|abdominal|interval)\s+){0,3}?"
            rf"{_SURGERY}|(?<!than\s)(?<!\bas\s)\bexpected\b(?!\s+to\b)|"
            rf"\b(?:likely|is)\s+(?:\w+\s+)?{_POSTOPERATIVE}"
        ),
        Acuity.UNLIKELY: _en(
            r"^[\w\s-]{0,40}?\b(?:is|are|seems?|appears?|felt\s+to\s+be|thought)\s+(?:very\s+|"
            r"highly\s+|considered\s+)?(?:unlikely|doubtful|less\s+likely|improbable|not\s+likely|"
            r"not\s+suspected|not\s+favou?red)\b"
        ),
        Acuity.STABLE: _en(
            r"\b(?:unchanged|stable|no\s+(?:significant\s+|interval\s+)*change|similar\s+to\s+"
            r"(?:the\s+)?(?:prior|previous)|as\s+before)\b"
        ),
        Acuity.IMPROVING: _en(
            r"\b(?:has|have|is|are)\s+(?:\w+\s+){0,2}?(?:improved|improving|resolving|decreased|"
            r"decreasing|smaller|diminished|regressed)\b(?<!not\simproved)(?<!not\sresolving)"
        ),
    },
    anywhere_after={
        Acuity.ACUTE: _en(
            r"\bwith\s+(?:acute|fresh|active)\s+(?:\w+\s+)?(?:blood|bleed|hemorrhage)"
        ),
        Acuity.GONE: _en(
            r"\blung\s+(?:has|is)\s+(?:now\s+)?(?:fully\s+|completely\s+)?re-?expanded"
        ),
    },
    no_better=_en(
        r"\b(?:not|no|without|fail\w*\s+to)\s+(?:\w+\s+){0,2}?(?:improv\w*|resol\w*|decreas\w*)"
    ),
    large=_en(r"\b(?:large|massive|huge|extensive|moderate|tension|complete)\b"),
)

_OPERATION = (
    r"(?:支架|修补|修复|内固定|清除|切除|分流|置换|夹闭|栓塞|覆膜|复位|植入|隔绝|减压|取出)"
)
_LESION = r"(?:骨折|破裂|扭转|夹层|动脉瘤|血肿|阑尾炎|穿孔|梗阻|积水)"
_AGAIN = r"(?!.{0,6}(?:复发|新发))"
_NOT = r"(?<![未不无])(?<![未不无]见)(?<![未不无]明显)(?<!未见明显)(?<!未完全)(?<!未有)"
_CHINESE = _Words(
    # 陈旧性梗死伴出血: what follows 伴 is another matter.
    phrase_end=re.compile(
        r"[,，、:：]|伴|并(?!发)|合并|继发|引起|导致|及|和|与|但|另|[灶区]内|(?<![未无])见"
    ),
    clause_end=re.compile(r"[,，、]|但|伴|合并|并(?!发)|及|和"),
    before={
        Acuity.WORSE: re.compile(r"(?<![未无])(?:新发|新见|新出现|新增|再发|复发性|进展性)"),
        Acuity.ACUTE: re.compile(r"(?<!亚)急性|新鲜|活动性"),
        Acuity.OLD: re.compile(r"陈旧|慢性|既往|原有?(?=[左右双])|愈合|后遗|曾(?:有|患|行)|病史"),
        Acuity.POSTOPERATIVE: re.compile(
            r"术[后区](?:早期|改变)?[\u4e00-\u9fff]{0,4}?"
            r"(?:少量|少许|残留|残余|微量|积气|游离气)|术后改变"
        ),
        Acuity.UNLIKELY: re.compile(r"不支持|暂不考虑|不考虑|不符合"),
        Acuity.STABLE: re.compile(r"(?<!不)稳定(?:性|的)?"),
    },
    after={
        Acuity.WORSE: re.compile(rf"{_NOT}(?:增大|增多|扩大|加重|进展|恶化|再发|复发)"),
        Acuity.OLD: re.compile(r"后遗|陈旧|病史|已?愈合|(?:已|趋于)?机化"),
        Acuity.TREATED: re.compile(
            rf"{_OPERATION}[\u4e00-\u9fff]{{0,6}}?(?:术|手术)?后{_AGAIN}|"
            rf"{_LESION}?\S{{0,6}}?术后{_AGAIN}"
        ),
        Acuity.UNLIKELY: re.compile(
            r"可能性?(?:不大|较?小|较?低|很小|极小)|依据不足|证据不足|不支持|暂不考虑"
        ),
        Acuity.STABLE: re.compile(
            r"同前|相仿|相似|变化不(?:大|明显)|(?:无|未见)(?:明显|显著)?变化|(?<!不)稳定"
        ),
        Acuity.IMPROVING: re.compile(rf"{_NOT}(?:好转|缓解|减轻|吸收|减少|缩小|改善|消退)"),
    },
    anywhere_after={
        Acuity.ACUTE: re.compile(
            r"(?:伴|并|合并|内见?|内有|内伴)[\u4e00-\u9fff]{0,4}"
            r"(?:新鲜|(?<!亚)急性|活动性|再)出血|再出血"
        ),
        Acuity.OLD: re.compile(r"软化灶形成|骨痂(?:形成|生长)|(?:骨折线|断端)(?:已)?模糊|后遗改变"),
        Acuity.GONE: re.compile(r"(?<![未不])(?:已|完全|基本)复张(?!不)"),
        Acuity.POSTOPERATIVE: re.compile(
            r"(?:考虑|符合|为|系|属)(?:手术|术后)(?:所致|[\u4e00-\u9fff]{0,2}?(?:改变|表现|反应))|"
            r"与手术(?:有关|相关)|手术所致"
        ),
    },
    no_better=re.compile(
        r"(?:[未不无]|未见|没有)(?:明显|完全|有效|显著)?(?:好转|吸收|缓解|减少|缩小|改善|消退)|"
        r"(?:好转|吸收|缓解|改善)(?:不明显|欠佳|不佳)"
    ),
    large=re.compile(r"大量|巨大|中等量|中量|广泛|张力性"),
)
_LANGUAGES: dict[Lang, _Words] = {"en": _ENGLISH, "zh": _CHINESE}
