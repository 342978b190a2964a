"""Text of DICOM elements, also where the declared character set is wrong, unknown or missing.

PS3.3 C.12.1.1.2 and PS3.5 6.1. Chinese sites often send GB18030 or UTF-8 bytes under `ISO_IR 100`
or under nothing; a study is never refused for that.
"""

from __future__ import annotations

import codecs
import re

from radraft.studies import _guess
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
_MISSPELT = {
    "GB2312": "GB18030", "CP936": "GB18030", "GB18030": "GB18030", "GBK": "GBK",
    "UTF8": "ISO_IR 192", "ISOIR192": "ISO_IR 192", "ISOIR100": "ISO_IR 100",
    "ISO2022IR58": "ISO 2022 IR 58", "ISO2022GBK": "ISO 2022 IR 58",
    "ISO2022IR100": "ISO 2022 IR 100",
}  # fmt: skip
"""What devices write for a defined term, without its separators."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060\ufeff]")


def decode(raw: bytes, declared: tuple[str, ...]) -> tuple[str, bool]:
    """Text of `raw` and whether the declared character sets had to be set aside."""
    raw = raw[: 4 * MAX_TEXT].rstrip(b" \0")
    if raw.isascii() and b"\x1b" not in raw:
        return _tidy(raw.decode("ascii")), False
    text, repaired = _escaped(raw, declared) if b"\x1b" in raw else _plain(raw, declared)
    return _tidy(text), repaired or "\ufffd" in text


def decode_lines(raw: bytes, declared: tuple[str, ...]) -> tuple[str, bool]:
    """Text of a message of many lines and whether the declared character sets had to be set aside;
    nothing is cut or tidied.

    Each line is looked at for itself, since one odd name must not spoil the others; what is UTF-8
    as a whole is that.
    """
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii"), False
    if b"\x1b" not in raw and _whole(raw, "utf-8"):
        utf8, declared_utf8 = raw.decode("utf-8"), "UTF8" in _codecs(declared)
        if _guess.is_utf8(raw, utf8, _start(raw, "gb18030"), declared_utf8 or None):
            return utf8, not declared_utf8
    texts, mended = [], False
    # No known set has a byte of a line's end within a character.
    for line in re.split(rb"(\r\n|\r|\n)", raw):
        text, repaired = line.decode("ascii", "replace"), False
        if not line.isascii() or b"\x1b" in line:
            read = _escaped if b"\x1b" in line else _plain
            text, repaired = read(line, declared)
        texts.append(text)
        mended = mended or repaired or "\ufffd" in text
    return "".join(texts), mended


def tidy(text: str) -> str:
    """Return `text` without characters that cannot be seen, cut to the longest value."""
    return _tidy(text)


def _tidy(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:MAX_TEXT]


def _codecs(declared: tuple[str, ...]) -> list[str]:
    from pydicom.charset import python_encoding

    terms = [_MISSPELT.get(re.sub(r"[\s_-]", "", name).upper(), name) for name in declared]
    known = [python_encoding[name] for name in terms if name in python_encoding]
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
    gb_declared = bool(_GB_NAMES.intersection(names))
    utf8, gb = _start(raw, "utf-8"), _start(raw, "gb18030")
    declared_utf8 = True if codec == "UTF8" else None if codec in _LATIN else False
    if utf8 is not None and _guess.is_utf8(raw, utf8, gb, declared_utf8):
        return utf8, codec != "UTF8" or not _whole(raw, "utf-8")
    if gb is not None and gb_declared:
        # Without its escape sequence, a GB 2312 text is plain in every byte but not as declared.
        return gb, "iso_ir_58" in names or not _whole(raw, "gb18030")
    if gb is not None and codec in _LATIN | {"UTF8"} and _guess.is_chinese(raw, gb):
        return gb, True
    if codec in {"iso8859", "UTF8"}:
        # Nothing declared, or not kept to: Latin-1 only where the bytes can be its letters.
        latin = all(byte < 0x80 or byte >= 0xC0 for byte in raw)
        return raw.decode("latin_1" if latin else "utf-8", "replace"), True
    text = None if gb_declared else _start(raw, codec)
    if text is not None:
        return text, len(names) < len(declared)
    return raw.decode("gb18030" if gb_declared else "utf-8", "replace"), True


def _start(raw: bytes, codec: str) -> str | None:
    """Text of `raw`, less a last character that a device cut in two; None where it is not text."""
    try:
        text = codecs.getincrementaldecoder(codec)("strict").decode(raw)
    except (UnicodeDecodeError, LookupError):
        return None
    return None if text.isascii() and not raw.isascii() else text


def _whole(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
