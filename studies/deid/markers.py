"""Which burned-in lines are markers of side, view and position: those stay on the image."""

from __future__ import annotations

import re
import unicodedata

_LATIN_WORDS = (
    "L R LT RT LEFT RIGHT LAT LATERAL LL RL LLAT RLAT PA AP OBL OBLIQUE LAO RAO LPO RPO AXIAL SUP "
    "INF SUPINE PRONE ERECT UPRIGHT STANDING SITTING SEMI SEMIERECT SEMIUPRIGHT DECUB DECUBITUS "
    "LLD RLD PORTABLE PORT MOBILE BEDSIDE CHEST INSP EXP INSPIRATION EXPIRATION CC MLO ML LM LMLO "
    "RMLO LCC RCC HEAD FOOT A P H F S I INT EXT WB VIEW XTABLE CROSSTABLE LORDOTIC DORSAL VENTRAL "
    "ICU ER WALL TABLE"
)
_LATIN = frozenset(_LATIN_WORDS.split())
_HAN = re.compile(
    r"(?:左|右|侧|正|斜|位|片|仰卧|俯卧|半卧|侧卧|平卧|卧|站立|立|坐|床旁|床边|移动|便携|前后|后前|前|后|上|下|"
    r"内|外|吸气|呼气|胸部|胸|水平|轴|切线)+"
)
_LONG = 7
"""Letters of a word that is still known with one letter wrong."""
_SIDES = frozenset({"L", "R", "LT", "RT", "LEFT", "RIGHT", "左", "右", "左侧", "右侧"})


def is_marker(text: str) -> bool:
    """Return whether every word of a line names a side, a view or a position."""
    words = _words(text)
    return bool(words) and all(_is_word(word) for word in words)


def is_side(text: str) -> bool:
    """Return whether a word says left or right, and nothing else."""
    return text.strip().upper() in _SIDES


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).upper()
    return re.findall(r"[A-Z]+|[\u4e00-\u9fff]+|\d+|[^\sA-Z\d\u4e00-\u9fff.,:;()\[\]/\-_'|]", plain)


def _is_word(word: str) -> bool:
    return word in _LATIN or _HAN.fullmatch(word) is not None or _is_nearly(word)


def _is_nearly(word: str) -> bool:
    """Return whether one letter of a long word was lost or misread: no name is so near to one."""
    from rapidfuzz.distance import Levenshtein

    long = (known for known in _LATIN if len(known) >= _LONG)
    return len(word) >= _LONG - 1 and any(
        Levenshtein.distance(word, marker) <= 1 for marker in long
    )
