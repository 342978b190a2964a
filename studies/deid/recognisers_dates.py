"""Dates in every form people write them, and ages over 89 (45 CFR 164.514(b)(2)(i)(C)).

A year alone is left, as that rule allows, except as a year of birth or before 年.
"""

from __future__ import annotations

import re

from radraft.studies.deid.recognisers import Kind, Needs, by_patterns

_HAN_DIGIT = "〇零一二三四五六七八九"
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_FORMS = [form for name in _MONTHS for form in (name, name[:3])] + ["Sept"]
_NAMED = "|".join(_FORMS)
_MONTH = rf"(?i:{_NAMED}|may)\.?"
_CLEAR = rf"(?:{_NAMED}|{_NAMED.upper()}|May)\.?"
"""A month that is no other word: `may` and `mar` in lower case and MAY in capitals may be one."""
_ANY_MONTH = r"(?i:jan|feb|mar|apr|may|ju[nl]|aug|sep|oct|nov|dec)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?!\d)"
_ORDINAL = r"(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d{2}(?!\d)"
_HAN_NUMBER = "[一二三四五六七八九十廿卅]"
_BORN = r"出生(?:年月|日期|于)?|生日|生于|DOB|D\.O\.B\.?|date of birth|born(?:\s(?:in|on))?"


def _calendar(match: re.Match[str]) -> bool:
    first, second = int(match["a"]), int(match["b"])
    return 1 <= min(first, second) <= 12 and 1 <= max(first, second) <= 31


DATES = (
    by_patterns(
        "date in digits",
        Kind.DATE,
        r"(?<!\d)(?:19|20)\d{2}\s*[-/.年]\s*\d{1,2}(?!\d)(?:\s*[-/.月]\s*\d{1,2}(?!\d))?\s*[日"
        r"号月]?",
        r"(?<!\d)(?:19|20)\d{2}\s*年",
        r"\d{1,2}\s*月\s*\d{1,2}\s*[日号]?(?!\d)",
        r"(?<!\d)\d{2}\s*年\s*\d{1,2}\s*月\s*\d{1,2}\s*[日号]?",
        r"(?<=[于自在至从比与])\s*\d{2}年\d{1,2}月(?!\d)",
        r"(?:去年|今年|前年|本年|上年|当年)\s*(?:底|初)?\s*(?:\d{1,2}|"
        r"[一二三四五六七八九十]{1,2})\s*月份?(?:\s*\d{1,2}\s*[日号])?",
        rf"(?:{_BORN})\s*[:：]?\s*(?P<v>(?:19|20)\d{{2}}(?!\d))",
        needs=Needs.DIGIT,
    ),
    by_patterns(
        "day, month and year in digits",
        Kind.DATE,
        r"(?<![\d./-])(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?:19|20)?\d{2}(?![\d/]|"
        r"-\d|\.\d)"
        r"(?!\s*(?:mm|cm|ml|mg|HU|×))",
        r"(?<=[ ，。,]on )(?P<a>\d{1,2})(?P<s>/)(?P<b>\d{1,2})(?![\d/]|\s*(?:mm|cm))",
        r"(?<=dated )(?P<a>\d{1,2})(?P<s>/)(?P<b>\d{1,2})(?![\d/])",
        needs=Needs.DIGIT,
        keep=_calendar,
    ),
    by_patterns(
        "date in Chinese numerals",
        Kind.DATE,
        rf"[二一][{_HAN_DIGIT}]{{3}}年(?:{_HAN_NUMBER}{{1,3}}月)?(?:{_HAN_NUMBER}{{1,3}}[日号])?",
        rf"(?:农历|阴历)?{_HAN_NUMBER}{{1,2}}月(?:初|廿)?{_HAN_NUMBER}{{1,3}}(?:[日号]|(?<=初.))?",
        r"(?:去年|今年|前年)\s*[一二三四五六七八九十]{1,2}月份?",
        r"[正腊冬]月(?:初|十|廿)[一二三四五六七八九十]?",
        needs=Needs.HAN,
    ),
    by_patterns(
        "date with the month's name",
        Kind.DATE,
        rf"(?<![A-Za-zÀ-ɏ\d_])(?:the\s)?\d{{1,2}}{_ORDINAL}(?:\s+of)?[\s.-]+{_MONTH}(?:[\s,-]+("
        rf"?:19|20)\d{{2}})(?!\d)",
        rf"(?<![A-Za-zÀ-ɏ\d_])\d{{1,2}}{_ORDINAL}[\s.-]*{_MONTH}[\s,'’-]+\d{{2}}(?![A-Za-zÀ-ɏ\d_])",
        rf"(?<![A-Za-zÀ-ɏ\d_])(?:the\s)?\d{{1,2}}{_ORDINAL}(?:\s+of)?[\s-]+{_CLEAR}(?![A-Za-zÀ-"
        r"ɏ\d_])",
        rf"(?<![A-Za-zÀ-ɏ\d_]){_MONTH}\s+{_DAY}{_ORDINAL}\s*,?\s*{_YEAR}",
        rf"(?<![A-Za-zÀ-ɏ\d_]){_CLEAR}\s+{_DAY}{_ORDINAL}(?!\w|\.\d|\s*(?:mm|cm|ml|mg))",
        rf"(?<![A-Za-zÀ-ɏ\d_]){_MONTH}\s*[,-]?\s*{_YEAR}",
        r"(?:(?<= in )|(?<=^In )|(?<= since )|(?<= last )|(?<= this )|(?<= early )|(?<= late "
        rf"))(?:{_NAMED}|May)(?![A-Za-zÀ-ɏ\d_])",
        needs=_ANY_MONTH,
        flags=0,
    ),
)  # fmt: skip
OLD = re.compile(
    r"(?<![\d.])(?P<v>9\d|1[0-4]\d)(?=\s*(?:周?岁|years?(?![A-Za-zÀ-ɏ\d_])|"
    r"yrs?(?![A-Za-zÀ-ɏ\d_])|y\.?/?o(?![A-Za-zÀ-ɏ\d_])|-?year))"
    r"|(?:年龄|(?<![A-Za-zÀ-ɏ])aged?|享年)\s*[:：]?\s*(?P<w>9\d|1[0-4]\d)(?![\d.]|\+|"
    r"\s*(?:[mc]m|cc|m[lg]|HU|%|[毫厘]米|毫[升克]|天|个?月|days?|months?))"
    r"|(?<![A-Za-zÀ-ɏ\d_.])(?P<x>9\d|1[0-4]\d)(?=[FM](?![A-Za-zÀ-ɏ\d_]))"
    r"|(?P<y>九十[一二三四五六七八九]?|一?百[零〇一]?[一二三四五六七八九十]{0,2})(?=周?岁)",
    re.IGNORECASE,
)
"""The number of an age over 89, in one of the groups v to y."""
POOLED = "90+"
