"""Where a text still holds a field of its template: a blank, a placeholder, a number without figures,
a choice that nobody made, words to the writer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from itertools import permutations
from typing import Any

from radraft.reports.values import Lang

_UNIT = r"(?:mm|cm|ml|cc|hu|毫米|厘米|毫升|公分)(?![a-z])"
_SIGNS = (
    # Lines, dots and boxes to write on.
    r"_{2,}|＿{2,}|\?{3,}|？{3,}|\.{5,}|…{3,}|\*{3,}|×{2,}|@{2,}|#{3,}",
    rf"(?:\.{{2,}}|…+|-{{2,}}|—{{2,}}) ?{_UNIT}",
    r"[:：] ?(?:\.{2,}|…+|-{2,}|—{2,}) ?[。.]?$",
    r"[（(]\s*[）)]|\[\s*\]|［\s*］|【\s*】|〔\s*〕|「\s*」|\[(?:\.{3}|…+)\]",
    # What a program was to fill in.
    r"\{[^{}]*\}|｛[^｛｝]*｝|<[^<>\d]{1,40}>|＜[^＜＞\d]{1,40}＞|«[^«»]*»",
    r"##[^#\n]{1,30}##|@@[^@\n]{1,30}@@|\$\$[^$\n]{1,30}\$\$|%%[^%\n]{1,30}%%|~~[^~\n]{1,30}~~",
    r"\$[A-Za-z_一-鿿]{2,}\$|%[A-Za-z_]{3,}%|~[a-z_]{3,}~|@[A-Z_]{3,}@",
    # Figures that are missing.
    r"\bX{2,}\b|(?<![A-Za-z])X{2,4}(?=年|月|日|号|侧|部|肺|叶|mm|cm)",
    rf"(?<![A-Za-z\d])(?:[XxＸ?？#*]{{1,4}}|N{{1,3}}|nn) ?{_UNIT}",
    rf"(?:约|为|大小|直径|长径|厚|\bmeasur(?:es|ing)|\babout|\bapproximately)\s*{_UNIT}|[:：]\s*(?:mm|cm)(?![a-z])",
    rf"(?:[约距为]|[（(])\s{{2,}}{_UNIT}",
    r"[ 　]{2,}[×xX年月日](?=[ 　]{2,}|$|mm|cm)",
    r"(?<![A-Za-z\d])[XN](?=[叶段肋椎侧区枚])|第[XxNn？?](?=[一-鿿])|第\s*(?=[肋胸腰颈骶椎]\s*[骨椎体])",
    r"\b[TLC][XxNn?](?=\s?(?:椎|胸|腰|vertebra))",
    r"(?<![\d一二三四五六七八九十零〇])[ 　]*年[ 　]*月[ 　]*日",
    r"\b0{2,4}[-/.年]0{2}[-/.月]0{2}\b|(?:[._]{1,4} ?/ ?){2}",
    r"\d\.(?=[。，；])",
    r"\b[TLCS][?](?![A-Za-z])|(?<=[一-鿿])[_＿](?=[一-鿿])|第\s*[_＿*#]|(?<=[一-鿿])[*＊#＃](?=[叶段肋椎侧区枚])",
    r"(?:约|about|approximately)\s*[%％]|(?:since|of|with|from) //",
    r"\?(?:side|site|level|date|size|location)\b",
    # A choice of a list; a box that nobody ticked.
    r"(?<=[A-Za-z一-鿿])\s*[|｜]\s*(?=[A-Za-z一-鿿])",
    r"^(?=[^☑☒√✓✔■]*$)[^□☐]*[□☐]|[○◯][^○◯]{1,6}[○◯]",
    r"\(\s*(?:please )?(?:choose|select|delete|circle|tick|specify|pick|enter|fill|insert|state|"
    r"describe|dictate)\b[^()]*\)",
    r"[（(]\s*(?:请?(?:选|删|填|注明|输入|描述|补)|此处|在此)[^（）()]*[）)]",
    # One and its denial: in situ / not in situ, 迂曲/不迂曲.
    r"(?<![a-z])(?P<stated>[a-z][a-z ]{1,20}[a-z]) ?[/|] ?(?:not|no|non|un|in) ?-?(?P=stated)(?![a-z])",
    r"(?P<said>[一-鿿]{1,4})\s*[/／|｜]\s*(?:不|未|无|非)(?P=said)",
    r"(?<![\w/])(?:L ?/ ?R|R ?/ ?L)(?![\w/])(?! (?:shunt|ratio))",
)
_APART = r"\s*[/|／｜\\]\s*"


@cache
def open_field(lang: Lang) -> re.Pattern[str]:
    """Return what finds the first open field of a text in a language."""
    data = wording_data()[lang]
    parts = [*_SIGNS, *_choices(data["choices"], lang), *_scales(data["scales"])]
    parts += data["instructions"]
    parts += _bracketed_en(data) if lang == "en" else _bracketed_zh(data)
    return re.compile("|".join(f"(?:{part})" for part in parts), re.IGNORECASE)


def _choices(lines: Iterable[str], lang: Lang) -> list[str]:
    """Return patterns of two contrary words side by side."""
    patterns = []
    for line in lines:
        sets = [_any(_words(part)) for part in line.split("|")]
        for one, other in permutations(sets, 2):
            patterns.append(_bounded(one + _APART + other))
            if lang == "zh":
                # In brackets, what is said side by side is a choice too: （左、右）.
                patterns.append(rf"[（(]{one}[、，或 ]+{other}[）)]")
                patterns.append(rf"[（(]{one}[）)]\s*[（(]{other}[）)]")
    if lang == "zh":
        patterns.append("左[（(]右[）)]|右[（(]左[）)]")
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
