"""How a worker says that a file cannot be taken in."""

from __future__ import annotations

import struct
import zlib

from pydicom.errors import BytesLengthException, InvalidDicomError

IMPLICIT_LITTLE, EXPLICIT_LITTLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, EXPLICIT_BIG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG})
"""Transfer syntaxes whose pixels lie uncompressed in the data set."""

PARSE_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError,
    EOFError, NotImplementedError, struct.error, zlib.error, OSError,
    BytesLengthException, InvalidDicomError,
)  # fmt: skip
"""What pydicom was seen to raise on damaged files."""


class Refused(Exception):
    """This file cannot be taken in; `code` is a key of the message catalogue."""

    def __init__(self, code: str, **details: str | int) -> None:
        self.code = code
        self.details = details
        super().__init__(code)
