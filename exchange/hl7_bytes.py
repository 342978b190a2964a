"""Bytes of HL7 v2 messages, also where MSH-18 names the wrong character set or none (HL7 v2.5.1,
2.15.9.18 and table 0211)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from radraft.core.errors import MessageError
from radraft.studies import _text

_TERMS = {
    "": "", "ASCII": "", "UNICODEUTF8": "ISO_IR 192", "UTF8": "ISO_IR 192",
    "GB180302000": "GB18030", "GB18030": "GB18030", "GBK": "GBK", "GB2312": "GB18030",
    "CP936": "GB18030", "88591": "ISO_IR 100", "ISO88591": "ISO_IR 100", "88592": "ISO_IR 101",
    "88595": "ISO_IR 144", "ISOIR87": "ISO 2022 IR 87", "KSX1001": "ISO 2022 IR 149",
}  # fmt: skip
"""What senders write in MSH-18, without case and separators -> DICOM's defined term."""
_CODECS = {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk", "ISO_IR 100": "latin-1"}
"""For answers; others are answered in ASCII."""


@dataclass(frozen=True)
class DecodedMessage:
    """A message's text."""

    text: str = field(repr=False)
    mended: bool
    """Whether its bytes were not of the character set that it names."""
    codec: str
    """Python's, of what the sender names: answers are written in it."""


def decoded(raw: bytes) -> DecodedMessage:
    """Return the text of a message's bytes.

    MessageError `hl7_charset_unknown` for what is no ASCII with more: UTF-16 above all.
    """
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in raw[:64]:
        raise MessageError("hl7_charset_unknown")
    terms = tuple(filter(None, map(_term, _declared(raw))))
    text, mended = _text.decode_lines(raw.removeprefix(b"\xef\xbb\xbf"), terms)
    codec = next((_CODECS[term] for term in terms if term in _CODECS), "ascii")
    return DecodedMessage(text, mended, codec)


def _declared(raw: bytes) -> list[str]:
    """Return what MSH-18 names; nothing where there is no header."""
    found = re.search(rb"MSH(.)([^\r\n]*)", raw[:4096], re.DOTALL)
    if found is None:
        return []
    # MSH-18 is the 17th after MSH-1, which is the separator.
    fields = found.group(2).split(found.group(1))
    named = fields[16] if len(fields) > 16 else b""
    return re.split(r"[~^]", named.decode("ascii", "replace"))


def _term(named: str) -> str:
    """Return DICOM's term for what a sender names; unknown names count as none."""
    return _TERMS.get(re.sub(r"[\s_/.-]", "", named).upper(), "")
