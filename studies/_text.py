"""Text of DICOM elements, also where the declared character set is wrong, unknown or missing.

PS3.3 C.12.1.1.2 and PS3.5 6.1. Chinese sites often send GB18030 or UTF-8 bytes under `ISO_IR 100`
or under nothing; a study is never refused for that.
"""

from __future__ import annotations

import re

from radraft.studies._limits import MAX_TEXT

_GB_NAMES = frozenset({"GB18030", "GBK", "GB2312", "iso_ir_58"})
_LATIN = frozenset({"iso8859", "latin_1"})
_ESCAPES = {
    b"\x1b(B": "ascii", b"\x1b(J": "ascii", b"\x1b)I": "shift_jis",
    b"\x1b$B": "iso2022_jp", b"\x1b$(D": "iso2022_jp_2",
    b"\x1b$)A": "iso_ir_58", b"\x1b$)C": "euc_kr",
    b"\x1b-A": "latin_1", b"\x1b-B": "iso8859_2", b"\x1b-C": "iso8859_3", b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7", b"\x1b-G": "iso8859_6", b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5", b"\x1b-M": "iso8859_9", b"\x1b-T": "tis_620",
}  # fmt: skip
"""Escape sequences of PS3.3 C.12.1.1.2, tables C.12-3 and C.12-4, and their Python codecs."""
_ESCAPE = re.compile(b"(" + b"|".join(map(re.escape, _ESCAPES)) + b")")
_PYDICOM_NAMES = {
    "iso_ir_126": "iso8859_7", "iso_ir_127": "iso8859_6", "iso_ir_138": "iso8859_8",
    "iso_ir_144": "iso8859_5", "iso_ir_148": "iso8859_9", "iso_ir_166": "tis_620",
}  # fmt: skip
_CJK = re.compile(r"[\u00b0-\u00b7\u00d7\u2010-\u2fdf\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060\ufeff]")


def decode(raw: bytes, declared: tuple[str, ...]) -> tuple[str, bool]:
    """Text of `raw` and whether the declared character sets had to be set aside."""
    raw = raw[: 4 * MAX_TEXT].rstrip(b" \0")
    if raw.isascii() and b"\x1b" not in raw:
        return _tidy(raw.decode("ascii")), False
    text, repaired = _escaped(raw, declared) if b"\x1b" in raw else _plain(raw, declared)
    return _tidy(text), repaired or "\ufffd" in text


def _tidy(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:MAX_TEXT]


def _codecs(declared: tuple[str, ...]) -> list[str]:
    from pydicom.charset import python_encoding

    known = [python_encoding[name] for name in declared if name in python_encoding]
    return [_PYDICOM_NAMES.get(name, name) for name in known]


def _escaped(raw: bytes, declared: tuple[str, ...]) -> tuple[str, bool]:
    """ISO 2022 code extensions (PS3.5 6.1.2.5), also those that were not declared.

    Every known set keeps ASCII in its lower half, so delimiters need no separate treatment.
    """
    names = set(_codecs(declared))
    pieces = _ESCAPE.split(raw)
    text, repaired = pieces[0].decode("ascii", "replace"), False
    if not pieces[0].isascii():
        text, repaired = _plain(pieces[0], declared)
    for code, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        codec = _ESCAPES[code]
        repaired = repaired or (codec != "ascii" and codec not in names)
        if codec.startswith("iso2022"):
            piece = code + piece
        text += piece.decode("gb18030" if codec == "iso_ir_58" else codec, "replace")
    return text, repaired or "\x1b" in text


def _plain(raw: bytes, declared: tuple[str, ...]) -> tuple[str, bool]:
    names = _codecs(declared)
    codec = names[0] if names else "iso8859"
    utf8, gb = _strict(raw, "utf-8"), _strict(raw, "gb18030")
    if utf8 is not None and (codec == "UTF8" or codec in _LATIN or _is_chinese(utf8)):
        return utf8, codec != "UTF8"
    if gb is not None and _GB_NAMES.intersection(names):
        # Without its escape sequence, a GB 2312 text is plain in every byte but not as declared.
        return gb, "iso_ir_58" in names
    if gb is not None and codec in _LATIN | {"UTF8"} and _looks_gb2312(raw):
        return gb, True
    if codec == "iso8859":
        # Nothing declared: Latin-1 only where the bytes can be its letters.
        latin = all(byte < 0x80 or byte >= 0xC0 for byte in raw)
        return raw.decode("latin_1" if latin else "utf-8", "replace"), True
    text = _strict(raw, codec)
    if text is not None:
        return text, len(names) < len(declared)
    return raw.decode("gb18030" if _GB_NAMES.intersection(names) else "utf-8", "replace"), True


def _strict(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None


def _is_chinese(text: str) -> bool:
    """Whether all that is not ASCII is CJK: bytes of other codes hardly ever look so."""
    return all(_CJK.match(char) for char in text if not char.isascii())


def _looks_gb2312(raw: bytes) -> bool:
    """Whether the bytes above 0x7F are pairs of GB 2312, at least one of them a common character.

    `Größe` in Latin-1 is such a pair too, but of the rare second level (lead byte 0xD8 and up).
    """
    runs = re.findall(rb"[\x80-\xff]+", raw)
    pairs = [run[i : i + 2] for run in runs for i in range(0, len(run), 2)]
    whole = all(len(pair) == 2 and 0xA1 <= pair[0] <= 0xF7 and pair[1] >= 0xA1 for pair in pairs)
    return whole and any(0xB0 <= pair[0] <= 0xD7 for pair in pairs)
