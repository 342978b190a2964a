"""The sides, levels, lobes, segments and ribs that a text names."""

from __future__ import annotations

import re

_SIDES = (
    (
        "bilateral",
        re.compile(
            r"双(?=[侧肺肾乳下上中膝髋肩眼耳手足踝腕腋附卵肋锁股胫额颞顶枕睾输腮髂内外前后基大小"
            r"眶鼻颈])|两侧|两肺|两边|左右(?!径)|\bboth (?!ends"
            r"|leads|studies)|bilateral"
            r"|\beither side|\bneither\b|\btwo sides"
        ),
    ),
    (
        "left",
        re.compile(
            r"(?<![往向偏])左(?!右|移|弯|偏|前降|主干)|\bleft\b(?! anterior desc| main)|\blt\b"
            r"|\bl(?:ul|ll)\b(?!\d)|\blij\b|\blingul"
        ),
    ),
    (
        "right",
        re.compile(
            r"(?<![往向偏左])右(?!移|弯|偏|冠)|\bright\b(?! coronary)|\brt\b|\br(?:ul|ll|ml)\b"
            r"|\brij\b"
        ),
    ),
)
_DIRECTIONS = (
    ("left", re.compile(r"左移|左偏|[往向偏]左|左弯|to the left")),
    ("right", re.compile(r"右移|右偏|[往向偏]右|右弯|to the right")),
)
_NO_SIDES = re.compile(
    r"(?:is|are|was|much|many|any|anything|still)\s+(?:\w+\s+)?left\b(?=\s*(?:\?|$|over|on\b|of\b))"
    r"|left (?:over|behind)\b|,\s*right\s*\?|(?<!the )\bright\s*\?\s*$|^right,|\bright now\b"
    r"|\bright (?:place|position|spot|after|away)\b|all right"
    r"|差不多|毫米左右|厘米左右|cm左右|mm左右"
)


def sides_of(text: str) -> frozenset[str]:
    """Return the sides that a text names; a direction stands for itself alone."""
    lower = _NO_SIDES.sub(" ", text.lower())
    directed = frozenset(name for name, pattern in _DIRECTIONS if pattern.search(lower))
    if directed:
        return directed
    return frozenset(name for name, pattern in _SIDES if pattern.search(lower))


_ORDINAL = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6",
    "seventh": "7", "eighth": "8", "ninth": "9", "tenth": "10", "eleventh": "11", "twelfth": "12",
}  # fmt: skip
_CHINESE = {sign: str(number) for number, sign in enumerate("一二三四五六七八九十", 1)}
_LOBES = (
    ("lobe:upper", re.compile(r"上叶|上肺|upper (?:lobe|zone)|\b[rl]ul\b")),
    ("lobe:middle", re.compile(r"中叶|中肺|middle (?:lobe|zone)|\brml\b")),
    ("lobe:lower", re.compile(r"下叶|下肺|lower (?:lobe|zone)|\b[rl]ll\b|肺底|lung base")),
    ("lobe:upper", re.compile(r"lingul|舌段|舌叶")),
)
_LEVEL = re.compile(r"(?<![a-z\d])([ctls])(\d{1,2})(?:\s*[/-]\s*[ctls]?(\d{1,2}))?(?![\d.])")
_LEVEL_ZH = re.compile(r"([颈胸腰骶])(\d{1,2})(?:\s*[/-]\s*[颈胸腰骶]?(\d{1,2}))?")
_SEGMENT = re.compile(r"(?:\bseg(?:ment)?s?\.? ?)(\d)|(?<![a-z\d/])s([2-8])(?=段|[^\d/]|$)")
_RIB = re.compile(
    r"第([\d一二三四五六七八九十]{1,2})(?:后|前)?肋(?!间)|(\d{1,2})(?:st|nd|rd|th) (?:\w+ )?rib"
    r"|\b(\w+th|first"
    r"|second|third) "
    r"(?:\w+ )?rib\b"
)
_SPACE = re.compile(r"第(\d{1,2})肋间|(\d{1,2})(?:st|nd|rd|th) (?:inter\w*)|\b(\w+) interspace")


def spots_of(text: str) -> frozenset[str]:
    """Return the levels, lobes, segments, ribs and spaces that a text names, as `kind:name`."""
    lower = text.lower()
    found = {name for name, pattern in _LOBES if pattern.search(lower)}
    for letter, first, second in _LEVEL.findall(lower):
        if letter != "s" or second or "椎" in lower:
            found.add(f"level:{letter}{first}/{second}" if second else f"level:{letter}{first}")
    for name, first, second in _LEVEL_ZH.findall(lower):
        letter = "ctls"["颈胸腰骶".index(name)]
        found.add(f"level:{letter}{first}/{second}" if second else f"level:{letter}{first}")
    found |= {f"segment:{a or b}" for a, b in _SEGMENT.findall(lower)}
    for kind, pattern in (("rib", _RIB), ("space", _SPACE)):
        for groups in pattern.findall(lower):
            number = next(one for one in groups if one)
            number = _ORDINAL.get(number, _CHINESE.get(number, number))
            if number.isdigit():
                found.add(f"{kind}:{number}")
    return frozenset(found)


def same_side(asked: frozenset[str], sides: frozenset[str]) -> bool:
    """Return whether what is on `sides` may be what is asked for on the sides `asked`."""
    if not asked or not sides or "bilateral" in asked or {"left", "right"} <= asked:
        return True
    return bool(asked & sides) or "bilateral" in sides


def same_spots(asked: frozenset[str], spots: frozenset[str]) -> bool:
    """Return whether no level, lobe, segment or rib sets the two apart."""
    for kind in {spot.partition(":")[0] for spot in asked}:
        wanted = {s for s in asked if s.startswith(kind + ":")}
        here = {s for s in spots if s.startswith(kind + ":")}
        if here and not any(_one_spot(w, h) for w in wanted for h in here):
            return False
    return True


def _one_spot(one: str, other: str) -> bool:
    """Return whether two names are one place: L5/S1 is also a part of L5."""
    if one == other:
        return True
    if not one.startswith("level:"):
        return False
    return bool(_levels(one) & _levels(other)) and ("/" not in one or "/" not in other)


def _levels(spot: str) -> frozenset[str]:
    first, _, second = spot.removeprefix("level:").partition("/")
    return frozenset(one for one in (first, second and first[0] + second) if one)
