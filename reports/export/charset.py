"""In what characters a text or an HL7 message is written."""

from __future__ import annotations

from enum import StrEnum


class Charset(StrEnum):
    """A character set that a site may name for a receiver, by Python's name of it."""

    UTF_8 = "utf-8"
    GB18030 = "gb18030"
    GBK = "gbk"
    """For receivers that know no more of GB 18030; HL7 has no name for it of its own."""
    GB2312 = "gb2312"
    ASCII = "ascii"

    @property
    def declared(self) -> Charset:
        """Return the set that a message says it is in: of GBK and GB 2312 GB 18030, of which they
        are parts."""
        return Charset.GB18030 if self in (Charset.GBK, Charset.GB2312) else self

    @property
    def hl7(self) -> str:
        """Return what MSH-18 says (HL7 table 0211): the name of what is declared."""
        names = {Charset.UTF_8: "UNICODE UTF-8", Charset.GB18030: "GB 18030-2000"}
        return names.get(self.declared, self.upper())
