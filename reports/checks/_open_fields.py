"""Where a text still holds a field of its template: a blank, a placeholder, a number without its
figures, a choice that nobody made, words to the writer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import permutations
from typing import Any

from radraft.reports.values import Lang

_UNIT = r"(?:mm|cm|ml|cc|hu|毫米|厘米|毫升|公分)(?![a-z])"
_DRAWN = (
    # Lines, dots and boxes to write on.
    r"_{2,}|＿{2,}|\?{3,}|？{3,}|\.{5,}|…{3,}|\*{3,}|×{2,}|@{2,}|#{3,}",
    rf"(?:\.{{2,}}|…+|-{{2,}}|—{{2,}}) ?{_UNIT}",
    r"[:：] ?(?:\.{2,}|…+|-{2,}|—{2,}) ?[。.]?$|[：:]\s*。|[:：] ?\.(?=\s|$)",
    r"[（(]\s*[）)]|\[\s*\]|［\s*］|【\s*】|〔\s*〕|「\s*」|\[(?:\.{3}|…+)\]",
    # What a program was to fill in.
    r"\{[^{}]*\}|｛[^｛｝]*｝|<[^<>\d]{1,40}>|＜[^＜＞\d]{1,40}＞|«[^«»]*»",
    r"##[^#\n]{1,30}##|@@[^@\n]{1,30}@@|\$\$[^$\n]{1,30}\$\$|%%[^%\n]{1,30}%%|~~[^~\n]{1,30}~~",
    r"\$[A-Za-z_一-鿿]{2,}\$|%[A-Za-z_]{3,}%|~[a-z_]{3,}~|@[A-Z_]{3,}@",
    # A figure or a word that was to be put where a sign stands.
    r"[:：]\s*(?:mm|cm)(?![a-z])|(?:[._]{1,4} ?/ ?){2}|(?:since|of|with|from) //",
    r"\b[TLCS][?](?![A-Za-z])|(?<=[一-鿿])[_＿](?=[一-鿿])|第\s*[_＿*#?？]",
    r"(?<=[一-鿿])[*＊#＃](?=[叶段肋椎侧区枚])|[?？]{1,4}\s*(?:岁|枚|个(?!月)|-?years?-old)",
    r"\?(?:side|site|level|date|size|location)\b",
    r"[,;] (?:side|site|level|date|size|location|lobe) ?\?",
    r"\((?:side|site|size|level|location|date|lobe|measurement|number|name|time|laterality|"
    r"segment)\)",
    r"[（(](?:具体)?(?:部位|侧别|大小|日期|数值|数目|左右|医[师生]|姓名|时间|级别|位置|诊断|病变|方位|"
    r"描述|叶段|节段)[）)]",
    # A choice of a list; a box that nobody ticked.
    r"(?<=[A-Za-z一-鿿])\s*[|｜]\s*(?=[A-Za-z一-鿿])",
    r"^(?=[^☑☒√✓✔■]*$)[^□☐]*[□☐]|[○◯][^○◯]{1,6}[○◯]",
    r"\(\s*(?:please )?(?:choose|select|delete|circle|tick|specify|pick|enter|fill|insert|state|"
    r"describe|dictate)\b[^()]*\)",
    r"[（(]\s*(?:请?(?:选|删|填|注明|输入|描述|补)|此处|在此)[^（）()]*[）)]",
    # One and its denial: in situ / not in situ, 迂曲/不迂曲.
    r"(?<![a-z])(?P<stated>[a-z][a-z ]{1,20}[a-z]) ?[/|] ?(?:not|no|non|un|in) ?-?(?P=stated)"
    r"(?![a-z])",
    r"(?P<said>[一-鿿]{1,4})\s*[/／|｜]\s*(?:不|未|无|非)(?P=said)",
    r"(?<![\w/])(?:L ?/ ?R|R ?/ ?L)(?![\w/])(?! (?:shunt|ratio))",
)
_MISSING = (
    # A letter or a mark in place of a figure, or none.
    r"\bX{2,}\b|(?<![A-Za-z])X{2,4}(?=年|月|日|号|侧|部|肺|叶|mm|cm)",
    rf"(?<![A-Za-z\d])(?:[XxＸ?？#*]{{1,4}}|N{{1,3}}|nn) ?{_UNIT}",
    rf"(?:约|为|大小|直径|长径|厚|\bmeasur(?:es|ing)|\babout|\bapproximately)\s*{_UNIT}",
    rf"(?:[约距为]|[（(])\s{{2,}}{_UNIT}|[约为]\s*[×xX]\s*{_UNIT}",
    r"[ 　]{2,}[×xX年月日](?=[ 　]{2,}|$|mm|cm)",
    r"(?<![A-Za-z\d])[XN](?=[叶段肋椎侧区枚]|[肺肾膝肩髋踝腕肘][上下中门叶部]?)",
    r"第[XxNn](?=[一-鿿])|第\s*(?=肋|[胸腰颈骶]?椎)|\b[TLC][XxNn](?=\s?(?:椎|胸|腰|vertebra))",
    r"(?<![\d一二三四五六七八九十零〇])[ 　]*年[ 　]*月[ 　]*日",
    r"\b0{1,4}[-/.年]0{1,2}[-/.月]0{1,4}\b|\d\.(?=[。，；])",
    r"(?:约|about|approximately)\s*[%％]",
)
_MARK = re.compile(
    r"[_＿?？…*＊×@#＃$%~|｜/／\\□☐○◯()（）\[\]［］【】〔〕「{}｛<＜«:：]|\.\.|--|——"
)
"""What every field has that is drawn, and most sentences have not."""
_DEGREE = r"(?:(?:mildly|slightly|moderately|severely|markedly|grossly|轻度|中度|重度|明显) ?)?"
_APART = rf"\s*[/|／｜\\]\s*{_DEGREE}"


@dataclass(frozen=True)
class _Fields:
    plain: re.Pattern[str]
    """Fields without a sign: words to the writer, figures that are missing."""
    drawn: re.Pattern[str]


def open_field(text: str, lang: Lang) -> tuple[int, int] | None:
    """Return where the first open field of a text begins and ends; None where it has none."""
    fields = _fields(lang)
    found = [fields.plain.search(text)]
    if _MARK.search(text):
        found.append(fields.drawn.search(text))
    return min((match.span() for match in found if match is not None), default=None)


@cache
def _fields(lang: Lang) -> _Fields:
    data = wording_data()[lang]
    drawn = [*_DRAWN, *_choices(data["choices"], lang), *_scales(data["scales"])]
    drawn += _bracketed_en(data) if lang == "en" else _bracketed_zh(data)
    return _Fields(_compiled([*_MISSING, *data["instructions"]]), _compiled(drawn))


def _compiled(parts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{part})" for part in parts), re.IGNORECASE)


def _choices(lines: Iterable[str], lang: Lang) -> list[str]:
    """Return patterns of two contrary words side by side."""
    patterns = []
    for line in lines:
        sets = [_any(_words(part)) for part in line.split("|")]
        for one, other in permutations(sets, 2):
            patterns.append(_bounded(one + _APART + other))
            if lang == "en":
                patterns.append(
                    rf"\(\s*{one},? or {other}\s*\)|\(\s*{one}, {other}(?:, | or |\s*\))"
                )
            else:
                # In brackets, what is said side by side is a choice too: （左、右）.
                patterns.append(rf"[（(]{one}[、，或 ]+{other}[）)]")
                patterns.append(rf"[（(]{one}[）)]\s*[（(]{other}[）)]")
    if lang == "zh":
        patterns.append(
            r"左[（(][/／、或]?右[）)]|右[（(][/／、或]?左[）)]|正常\s*[/／]|[/／]\s*正常"
        )
    return patterns


def _scales(lines: Iterable[str]) -> list[str]:
    """Return patterns of three words of a scale side by side."""
    return [
        _bounded(rf"{word}(?:{_APART}{word}){{2,}}")
        for word in (_any(_words(line)) for line in lines)
    ]


def _bracketed_en(data: Any) -> list[str]:
    allowed = _any(data["bracketed"])
    return [rf"\[(?!\s*{allowed}\s*\])[^\[\]]*[A-Za-z一-鿿][^\[\]]*\]"]


def _bracketed_zh(data: Any) -> list[str]:
    headings = _any(data["headings"])
    return [
        rf"[【\[〔［](?!\s*{headings}\s*[：:]?\s*[】\]〕］])[^【】\[\]〔〕［］]*[一-鿿|｜/]"
        r"[^【】\[\]〔〕［］]*[】\]〕］]"
    ]


def _bounded(pattern: str) -> str:
    return rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])"


def _any(words: Iterable[str]) -> str:
    longest = sorted(words, key=lambda word: (-len(word), word))
    return "(?:" + "|".join(re.escape(word) for word in longest) + ")"


def _words(line: str) -> Sequence[str]:
    return [word.strip() for word in line.split(",")]


@cache
def wording_data() -> dict[str, Any]:
    """Return `wording.yaml`."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    path = files("radraft.reports.checks").joinpath("wording.yaml")
    data: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    return data
