"""Debian's PixelMed toolkit checks structured reports against their templates.

One virtual machine for all files: compiling the templates takes many times what a file takes. It
runs in a process of its own (`python -m tests.pixelmed FILE...`), which prints one JSON object:
{file: what the validator found}.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

JAR = Path("/usr/share/java/pixelmed.jar")
_LIMITS = ("xpathTotalOpLimit", "xpathExprOpLimit", "xpathExprGrpLimit")
"""Java's own limits for style sheets of strangers; these are the toolkit's."""
_ITS_NAMES = {
    "18748-4": ("18748-4", "LN", "Diagnostic Imaging Report"),
    "59776-5": ("121070", "DCM", "Findings"),
    "19005-8": ("121072", "DCM", "Impressions"),
    "55113-5": ("121180", "DCM", "Key Images"),
    "55114-3": ("121066", "DCM", "Prior Procedure Descriptions"),
    "121071": ("121071", "DCM", "Finding"),
    "121073": ("121073", "DCM", "Impression"),
    "121065": ("121065", "DCM", "Procedure Description"),
    "121080": ("121080", "DCM", "Best illustration of finding"),
    "zh": ("zh", "RFC5646", "Chinese"),
    "en": ("en", "RFC5646", "English"),
}
"""Its edition has headings by older codes than PS3.16 has now, and English names alone."""
EXPLAINED = {
    "its table of TID 1210 has two spaces in a relationship": re.compile(
        r"expected HAS  CONCEPT MOD - found HAS CONCEPT MOD"
    ),
    "it counts two observers, which TID 1001 allows, as one with two names": re.compile(
        r"Template 1003 .* found 2 content items but expected 1"
    ),
}
"""What it says of documents that are right, and why: docs/dicom-documents.md lists these."""
_NO_FINDINGS = ("Found ", "Root Template Validation Complete", "IOD validation complete")
_AT_ONCE = 40
"""Files that one virtual machine looks at: it keeps what it made of each."""


def findings(files: Sequence[Path], *, timeout: float) -> dict[Path, list[str]]:
    """Return what the validator says of each file beside what is explained: errors and warnings.

    `timeout`: seconds for 40 files. Skips the test where Debian's libpixelmed-java is missing.
    """
    if not JAR.exists():
        pytest.skip("not installed: libpixelmed-java")
    told: dict[str, str] = {}
    for start in range(0, len(files), _AT_ONCE):
        some = map(str, files[start : start + _AT_ONCE])
        command = [sys.executable, "-m", "tests.pixelmed", *some]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        told |= json.loads(done.stdout.splitlines()[-1])
    return {Path(file): list(filter(_is_finding, text.splitlines())) for file, text in told.items()}


def _is_finding(line: str) -> bool:
    if not line or line.startswith(_NO_FINDINGS):
        return False
    return not any(reason.search(line) for reason in EXPLAINED.values())


def as_basic_report(file: Path, target: Path) -> Path:
    """Write to `target` what of a report is told by TID 2000, as that template, and give it back:
    without the coded findings, the AI mark, reasons of amendments, the languages of sections and
    the UIDs of earlier studies, which are ours."""
    dataset = pydicom.dcmread(file)
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2000"
    dataset.ContentTemplateSequence = [template]
    own = {"coded-findings", "ai-mark", "amendment", "addendum"}
    dataset.ContentSequence = [
        item for item in dataset.ContentSequence if _name(item).get("CodeValue") not in own
    ]
    for item in dataset.ContentSequence:
        if item.ValueType == "CONTAINER":
            item.ContentSequence = [
                part for part in item.ContentSequence if part.RelationshipType == "CONTAINS"
            ]
            for part in item.ContentSequence:
                part.pop("ContentSequence", None)
    for coded in dataset.iterall():
        if coded.VR == "SQ" and "Code" in coded.keyword:
            for code in coded.value:
                _rename(code)
    dataset.save_as(target)
    return target


def _name(item: Dataset) -> Dataset:
    name: Dataset = item.ConceptNameCodeSequence[0]
    return name


def _rename(code: Dataset) -> None:
    known = _ITS_NAMES.get(code.get("CodeValue", ""))
    if known is not None:
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = known


def main(files: Sequence[str]) -> None:
    """Print what the validator says of each file."""
    import jpype

    limits = (f"-Djdk.xml.{name}=0" for name in _LIMITS)
    jpype.startJVM("-Xss64m", "-Xmx3g", *limits, classpath=[str(JAR.parent / "*")])
    validator = jpype.JClass("com.pixelmed.validate.DicomSRValidator")()
    print(json.dumps({file: str(validator.validate(file)) for file in files}))


if __name__ == "__main__":
    main(sys.argv[1:])
