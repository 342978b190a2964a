"""Left and right: between sections, against the request, against the images' own tag."""

from __future__ import annotations

import re

from radraft.reports.values import Lang, Laterality

_ABOUT_ZH = re.compile(r"(?<=[0-9a-zA-Z%％米度°])\s*左右")
_SIDES: dict[Lang, dict[Laterality, re.Pattern[str]]] = {
    "zh": {
        Laterality.LEFT: re.compile("左"),
        Laterality.RIGHT: re.compile("右"),
        # 两 also counts things: 两处, 两个.
        Laterality.BILATERAL: re.compile(
            "双(?!重|相)|[两兩](?![处處个個枚次年月周天日条條根段种種])"
        ),
    },
    "en": {
        Laterality.LEFT: re.compile(r"\bleft\b", re.IGNORECASE),
        Laterality.RIGHT: re.compile(r"\bright\b", re.IGNORECASE),
        Laterality.BILATERAL: re.compile(r"\b(bilateral(ly)?|both)\b", re.IGNORECASE),
    },
}


def named_sides(text: str, lang: Lang) -> frozenset[Laterality]:
    """Return left and right as `text` names them; both for bilateral."""
    if lang == "zh":
        text = _ABOUT_ZH.sub("", text)
    found = {side for side, word in _SIDES[lang].items() if word.search(text)}
    if Laterality.BILATERAL in found:
        found = {Laterality.LEFT, Laterality.RIGHT}
    return frozenset(found)
