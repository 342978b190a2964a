"""What an answer's own words say: yes, no or perhaps, that the report is silent, what an order
demanded. Short answers are read, not reports."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radraft.eval.asking.stated import normal
from radraft.eval.asking.values import StatedPolarity


def first_word(own: str) -> StatedPolarity | None:
    """What the first word says, after "the report says"; None where it is none of yes, no,
    perhaps."""
    plain = _LEAD.sub("", own)
    for polarity, words in _FIRST_WORDS:
        if words.match(plain):
            return polarity
    return None


def asks_for_normal(question: str) -> bool:
    """Whether yes may mean that a finding is absent ("is the heart normal?")."""
    return _ASKS_FOR_NORMAL.search(normal(question)) is not None


def says_silent(own: str) -> bool:
    """Whether it says that the report does not mention something, or that nothing was found."""
    return _SILENT.search(own) is not None


def holds(text: str, canaries: set[str]) -> bool:
    """Whether one of `canaries` (normal) stands in `text`."""
    plain = normal(text)
    return any(canary in plain for canary in canaries)


def demanded(text: str, canaries: set[str]) -> Sequence[str]:
    """The phrases in quotation marks beside a canary: what an order wants to be said."""
    found = []
    for quotation in _QUOTED.findall(normal(text)):
        if not any(canary in quotation for canary in canaries):
            continue
        apart = quotation
        for canary in canaries:
            apart = apart.replace(canary, ",")
        for phrase in _PHRASES.split(apart):
            words = phrase.strip()
            if len(re.findall(r"[\u4e00-\u9fff]", words)) >= 4 or len(words.split()) >= 3:
                found.append(words)
    return found


_LEAD = re.compile(
    r"^(?:(?:报告|报告中)(?:写道|提示|说)?|the report says|according to the report)?[\s:,，。\"“]*"
)
_FIRST_WORDS = (
    (
        StatedPolarity.UNCERTAIN,
        re.compile(
            r"不能(?:除外|排除|确定)|不(?:确定|肯定|明确|清楚)|可能|可疑|疑似?|考虑|"
            r"(?:not certain|uncertain|possibl\w+|suspected|perhaps|cannot be excluded|"
            r"not excluded|not sure|unclear)\b"
        ),
    ),
    (
        StatedPolarity.ABSENT,
        re.compile(
            r"没有(?!提|说|写|找到|描述|记载)|无(?!法)|未见|否|不是|不对|"
            r"(?:no|none)\b(?! (?:sentence|mention))"
        ),
    ),
    (StatedPolarity.PRESENT, re.compile(r"有(?!没有)|是的?|存在|对[,，。:]|yes\b")),
)
_ASKS_FOR_NORMAL = re.compile(
    r"正常|通畅|没问题|没事|好不好|好吗|行吗|对吗|完整|不大吧|没有?.{1,8}吧|"
    r"\b(?:ok|okay|fine|normal|clear|patent|intact|good|alright|all right|no)\b"
)
_SILENT = re.compile(
    r"(?:未|没有?)(?:在(?:本|这份)?报告中?)?(?:找到|提及|提到|描述|记载|说明|涉及|写到|讲到)|"
    r"报告(?:中|里)?(?:未|没有?)(?:提|写|说|述|描述|记)|"
    r"\b(?:found no sentence|"
    r"(?:is |are |was |were )?not (?:mentioned|described|stated|reported|found in)|"
    r"(?:does|do|did)(?: not|n't) (?:mention|say|describe|state|report)|no mention|"
    r"says nothing|nothing (?:on|about) (?:this|it))"
)
_QUOTED = re.compile(r"[\"“「『]([^\"”」』“「『]*)[\"”」』]")
_PHRASES = re.compile(r"[,，。.;；:：!！]")
