"""Tells Chinese text from Latin and from other text where nothing or the wrong set is declared.

The rules rest on how the codes are built: GBK and GB 18030 characters are pairs whose first byte is
above 0x80 and whose second may be an ASCII letter, so any accented letter and the letter after it
are a pair too; what tells them apart is what remains around the pairs.
"""

from __future__ import annotations

import re
import unicodedata

_CJK = re.compile(
    r"[\u00b0-\u00b7\u00d7\u2010-\u2fdf\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
    r"\U00020000-\U000323af]"
)
_WORD = re.compile(r"[^\x00-\x40\x5b-\x60\x7b-\x7f]+")
"""Letters and whatever is not ASCII, between ASCII delimiters, digits and punctuation."""
_RUN = re.compile(rb"[\x80-\xff]+")
_RARE = re.compile("[\u0180-\u036f\u0460-\u052f]")
"""Letters of Latin and Cyrillic that hardly any name is written with."""
_LONG_RUN = 3
_SURE = 3


def is_utf8(raw: bytes, utf8: str, gb: str | None, declared: bool | None) -> bool:
    """Return whether `raw`, which can be read as `utf8`, is UTF-8.

    `gb`: what it is as GB 18030, None where it is not. `declared`: True where UTF-8 is, None where
    nothing is or a Latin set, so that any script is possible; False where another set is.
    """
    if all_cjk(utf8):
        return True
    if declared is False:
        return False
    if gb is None or not is_chinese(raw, gb):
        return True
    # Two bytes of GB are often a letter of UTF-8 too; many, all of one script, hardly ever are.
    # Accents stand among ASCII letters, Chinese characters do not.
    letters = [char for char in utf8 if not char.isascii()]
    scripts = {unicodedata.name(char, "?").split()[0] for char in letters}
    if any(_RARE.match(char) or unicodedata.category(char)[0] != "L" for char in letters):
        return False
    among_ascii = any(char.isascii() for word in _WORD.findall(utf8) for char in word)
    latin_word = scripts == {"LATIN"} and among_ascii
    few = 1 if declared and len(utf8.encode("utf-8")) == len(raw) else _SURE
    return latin_word or (len(letters) >= few and len(scripts) == 1)


def is_chinese(raw: bytes, gb: str) -> bool:
    """Return whether `raw`, which is `gb` as GB 18030, is Chinese rather than Latin text.

    Every word must be Chinese throughout, or mix the two as in `胸部CT`: pairs of high bytes and
    ASCII letters. Of such pairs one must be a common character (GB 2312 level 1): `Größe` in
    Latin-1 holds a pair, but a rare one.
    """
    words = [word for word in _WORD.findall(gb) if not word.isascii()]
    if not words or not all_cjk(gb):
        return False
    common = False
    for word in words:
        pure = not any(char.isascii() for char in word)
        pairs = [char.encode("gb18030") for char in word if not char.isascii()]
        if not pure and any(pair[1] < 0xA1 for pair in pairs):
            return False
        common = common or any(
            len(pair) == 2 and 0xB0 <= pair[0] <= 0xD7 and pair[1] >= 0xA1 for pair in pairs
        )
    longest = max(map(len, _RUN.findall(raw)))
    return common or longest >= _LONG_RUN or any(0x80 <= byte < 0xA0 for byte in raw)


def all_cjk(text: str) -> bool:
    """Return whether all that is not ASCII is CJK: bytes of other codes hardly ever look so."""
    return all(_CJK.match(char) for char in text if not char.isascii())
