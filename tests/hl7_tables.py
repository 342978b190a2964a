"""hl7apy holds messages against its tables of HL7 version 2.5.1."""

from __future__ import annotations

import re
from pathlib import Path

from hl7apy.parser import parse_message

EXPLAINED = {
    "our own codes: table 0396 has 99zzz for every such system": re.compile(r"Value 99RADRAFT not"),
    "UCUM came into table 0396 after 2.5.1": re.compile(r"Value UCUM not"),
}
"""What it finds, and why it stays (docs/exports.md)."""


def said(message: bytes, file: Path) -> list[str]:
    """Return the errors and warnings that it tells of a message, which it writes to `file`."""
    parsed = parse_message(message.decode(), find_groups=True)
    valid = parsed.validate(report_file=str(file))
    told = file.read_text().splitlines()
    return told if valid else ["not valid", *told]
