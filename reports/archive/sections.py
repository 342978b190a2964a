"""A whole report's text, divided into findings and impression by its headings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from radraft.reports.values import Lang, Section

_NAMES: tuple[tuple[Section | None, str], ...] = (
    (
        Section.IMPRESSION,
        r"impressions?|conclusions?|opinion|summary|assessment|diagnos[ie]s|"
        r"(?:影像|影象|放射|超声|检查|CT|MRI?|X线)?(?:诊断|印象|结论|提示)(?:意见|结论|印象)?|意见",
    ),
    (
        Section.FINDINGS,
        r"findings?|observations?|description|report|"
        r"(?:影像|影象|放射|超声|检查|CT|MRI?|X线)?(?:所见|表现|描述)",
    ),
    (
        None,
        r"(?:clinical |relevant )?(?:history|indications?|information|details)|"
        r"reasons? for (?:the )?exam(?:ination)?|technique|comparisons?|exam(?:ination)?|procedure|"
        r"(?:临床|主诉|现|既往)?(?:病史|诉)|临床(?:诊断|资料|信息)|检查(?:方法|技术|部位|项目|目的)|"
        r"扫描(?:方法|技术)|(?:报告|审核|书写|检查|诊断)(?:医[师生]|者|日期|时间)",
    ),
)
_HEADING = re.compile(
    r"^[ \t#*【\[<（(]*(?:[一二三四1-4][、.．][ \t]*)?(?P<name>"
    + "|".join(f"(?:{names})" for _, names in _NAMES)
    + r")[ \t]*(?:[】\]>）)]+[ \t]*[:：]?|[:：]|(?=[ \t]*$))[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
"""At the beginning of a line, with a colon, brackets, or alone on it."""
_ZH = r"(?:影像|影象|放射|超声|检查)?(?:所见|诊断|表现|描述|结论|印象)(?:意见|印象)?"
_INLINE = re.compile(
    r"(?<=[。；;.\s])(?:"
    rf"(?:[【\[](?P<bracketed>{_ZH})[】\]][:：]?)"
    rf"|(?P<name>FINDINGS?|IMPRESSIONS?|CONCLUSIONS?|{_ZH})[ \t]*[:：])[ \t]*"
)
"""In the middle of a line: in brackets or with a colon only, English in capitals."""
_ITEM = r"(?<![\d.])\d{1,2}\s*[、．.)）](?!\d)\s*"
_CUTS = {
    "zh": re.compile(rf"(?<=[。！？!?；;])\s*|(?:^|(?<=[\s。；;，,]))(?={_ITEM})"),
    "en": re.compile(rf"(?<=[.!?;])\s+(?=[A-Z*\d(])|(?:^|(?<=\s))(?={_ITEM})"),
}
_NUMBER = re.compile(rf"^{_ITEM}")
_NAMED = tuple((section, re.compile(names, re.IGNORECASE)) for section, names in reversed(_NAMES))


@dataclass(frozen=True)
class Sections:
    """A report's two sections as it has them, empty where it has none, and what else it says."""

    findings: str = field(repr=False)
    impression: str = field(repr=False)
    above: str = field(default="", repr=False)
    """What stands under other headings (history, technique, names) before both, with them."""
    below: str = field(default="", repr=False)
    """The same after the first of both."""


def divided(text: str) -> Sections:
    """Return the sections of a report; together they are all of it but their own headings.

    What stands before the first heading is the beginning of the findings. So is what stands below
    the line of a heading that belongs to neither section, where nothing is under a heading of
    findings.
    """
    marks = sorted(
        (*_HEADING.finditer(text), *_INLINE.finditer(text)), key=lambda mark: mark.start()
    )
    marks = [mark for mark, last in zip(marks, [None, *marks], strict=False) if _apart(mark, last)]
    named = [_section(mark.groupdict().get("bracketed") or mark["name"]) for mark in marks]
    parts: dict[Section, list[str]] = {section: [] for section in Section}
    edges = [*(mark.start() for mark in marks), len(text)]
    loose = [text[: edges[0]].strip()]
    above: list[str] = []
    below: list[str] = []
    for mark, section, end in zip(marks, named, edges[1:], strict=True):
        part = text[mark.end() : end].strip()
        if section is not None:
            parts[section].append(part)
            continue
        if Section.FINDINGS not in named:
            line, _, rest = part.partition("\n")
            part, end = line, mark.end() + text[mark.end() : end].find(line) + len(line)
            loose.append(rest.strip())
        other = text[mark.start() : end].strip() if part else ""
        (below if any(parts.values()) else above).append(other)
    return Sections(
        _lines([*loose, *parts[Section.FINDINGS]]),
        _lines(parts[Section.IMPRESSION]),
        _lines(above),
        _lines(below),
    )


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(filter(None, parts))


def sentences(text: str, lang: Lang) -> tuple[str, ...]:
    """Return the sentences of a section, without the numbers of a list's items."""
    parts = (_NUMBER.sub("", part.strip()) for part in _CUTS[lang].split(text))
    return tuple(part for part in parts if any(map(str.isalnum, part)))


def section_named(name: str) -> Section | None:
    """Return the section that a heading, or the name of a field, means; None for another."""
    plain = name.strip().strip(":：")
    return next((section for section, names in _NAMED if names.fullmatch(plain)), None)


def _apart(mark: re.Match[str], last: re.Match[str] | None) -> bool:
    return last is None or mark.start() >= last.end()


def _section(name: str) -> Section | None:
    return next(section for section, names in _NAMED if names.fullmatch(name))
