"""Chinese text made plain for matching, and cut into sentences.

Most replacements are one character for one character; blanks and line breaks inside a statement are
taken out and units of one character (㎝) are written out, and then each kept character remembers
where it stood. So spans can always be given in the original text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from radraft.reports.findings._chinese_gaps import without_gaps
from radraft.reports.findings._chinese_rules import rules
from radraft.reports.findings._chinese_shorthand import written_out

_UNITS = {"㎝": "cm", "㎜": "mm", "㎖": "ml", "㏄": "ml", "㎝³": "cm3"}
_UNIT = re.compile("[㎝㎜㎖㏄]")
_GAP = re.compile(r"\s")
# A number with a dot or 、 that opens a line or follows a sentence's end counts the items of a
# list; after 颈, 胸, 腰 or a digit it would belong to a vertebra or to a measure.
_ITEM = re.compile(r"(?:(?<=\n)|(?<=[。;；])|^)<?(?:\d{1,2}|[一二三四五六七八九十])[.、>](?!\d)")
_INLINE_ITEM = re.compile(r"(?<=[一-鿿,:])\d{1,2}[.](?=[一-鿿])")
_CIRCLED = re.compile("<?[①-⑳⑴-⒛㈠-㈩➀-➓❶-❿]>?[.、,:]?")
_VERTEBRA = "颈胸腰骶第ctls-~及至约径"
_END = re.compile(r"[。;!\n]|(?<!\d)\.|\.(?!\d)")
# 1,2cm and 3,5×2,8cm: a comma for the decimal point; 3乘2cm.
_DECIMAL = re.compile(r"(?<![\d.])(?<!\d,)(\d{1,2}),(?=\d{1,2}(?:[cm]m|厘米|毫米|公分|[×x*]\d))")
_LAST_DECIMAL = re.compile(r"(?<=[×x*])(\d{1,2}),(?=\d{1,2}(?:[cm]m|厘米|毫米|公分|[×x*]\d))")
_TIMES = re.compile(r"(?<=[\dm米分])乘(?=\d)")
# 气胸=无, 气胸——无, 气胸-无: what stands between a name and its answer is a colon.
_ANSWER = re.compile(
    r"(?<=[一-鿿>])(?:[-→]+(?=[左右双两](?!心)|(?:无|有|否|是|阴性|阳性|未|没有|可疑|轻|中度|重|少量|多发|待))|--+(?=[一-鿿]))"
)
# T7压缩骨折: a vertebra, and no signal of T2.
_THORACIC = re.compile(
    r"(?<![a-z0-9])t(?=(?:1[0-2]|[1-9])(?:[-~、及/][tl]?\d{1,2})*(?:椎|压缩|骨折|爆裂|楔|血管瘤|转移|水平|节段|骨质|滑脱|附件|棘突|横突))"
)
# 胆石 = 阴性: blanks around it, but not ≥ and the like of two characters.
_EQUALS = re.compile(r"(?<![<>≤≥＜＞])[=＝]")


# A box that is not ticked takes its answer with it.
_UNTICKED = re.compile(r"[□☐◻][ 　]*(?:阳性|阴性|未见|没有|可疑|[有无是否])")
_TICKED = re.compile(r"[√✓✔☑☒■◼][ 　]*(?=阳性|阴性|未见|没有|可疑|[有无是否])")
_BOXES = frozenset("□☐◻√✓✔☑☒■◼")


def plain(text: str) -> tuple[str, tuple[int, ...] | None]:
    """Return simplified, half-width, lower-case text without blanks.

    With the original index of each character, or None where every character kept its place.
    """
    written, kept = written_out(_ticked(text))
    origin = None if kept is None else list(kept)
    if "=" in written or "＝" in written:
        written = _EQUALS.sub(":", written)
    mapped = written.translate(_characters())
    if _UNIT.search(mapped):
        pieces = [_UNITS.get(character, character) for character in mapped]
        units = [i for i, piece in enumerate(pieces) for _ in piece]
        origin = units if origin is None else [origin[i] for i in units]
        mapped = "".join(pieces)
    if _GAP.search(mapped):
        mapped, solid = without_gaps(mapped)
        origin = list(solid) if origin is None else [origin[i] for i in solid]
    mapped = _typeset(mapped)
    return mapped, None if origin is None else tuple(origin)


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield (start, sentence) of plain text."""
    items = {match.start(): match.end() for match in _ITEM.finditer(text)}
    for match in _INLINE_ITEM.finditer(text):
        if text[match.start() - 1] not in _VERTEBRA:
            items[match.start()] = match.end()
    items.update((match.start(), match.end()) for match in _CIRCLED.finditer(text))
    cuts: list[tuple[int, int]] = list(items.items())
    for match in _END.finditer(text):
        end = match.end()
        cuts.append((match.start(), end))
    at = 0
    for stop, resume in sorted(cuts):
        if stop > at:
            yield at, text[at:stop]
        at = max(at, resume)
    if at < len(text):
        yield at, text[at:]


def _ticked(text: str) -> str:
    """Replace boxes that are ticked, or not, by what they say, character for character."""
    if _BOXES.isdisjoint(text):
        return text
    text = _UNTICKED.sub(lambda match: " " * len(match[0]), text)
    return _TICKED.sub(lambda match: " " * len(match[0]), text)


def _typeset(text: str) -> str:
    """Replace typographic variants of numbers and answers, one character for one character."""
    if "," in text:
        text = _LAST_DECIMAL.sub(r"\1.", _DECIMAL.sub(r"\1.", text))
    if "乘" in text:
        text = _TIMES.sub("×", text)
    if "t" in text:
        text = _THORACIC.sub("胸", text)
    text = _regional()[0].sub(lambda match: _regional()[1][match[0]], text)
    if "-" not in text and "→" not in text:
        return text
    return _ANSWER.sub(lambda match: ":" * len(match[0]), text)


@cache
def _regional() -> tuple[re.Pattern[str], dict[str, str]]:
    """Return the words of other regions and what each is here, of the same length."""
    pairs = [pair.rsplit(":", 1) for pair in rules()["regional_words"].split()]
    words = {re.sub(r"\(.*\)", "", word): here for word, here in pairs}
    return re.compile("|".join(word for word, _ in pairs)), words


@cache
def _characters() -> dict[int, str]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    table |= {code: chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
    table |= {code: chr(code - 0xFEE0 + 32) for code in range(ord("Ａ"), ord("Ｚ") + 1)}
    table |= {ord("　"): " ", ord("\r"): " "}
    # Comparison signs are kept apart from parentheses: these close clauses, and the patterns need
    # the characters themselves.
    table |= dict.fromkeys(map(ord, "<＜"), "≤") | dict.fromkeys(map(ord, ">＞"), "≥")
    table |= dict.fromkeys(map(ord, "([（【〔［{"), "<") | dict.fromkeys(
        map(ord, ")]）】〕］}"), ">"
    )
    for pair in rules()["characters"].split():
        table[ord(pair[0])] = pair[1]
    return table
