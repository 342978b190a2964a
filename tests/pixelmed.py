"""Debian's PixelMed toolkit checks structured reports against their templates.

One virtual machine for all files: compiling the templates takes many times what a file takes. It
runs in a process of its own (`python -m tests.pixelmed FILE...`), which prints for each file one
line of JSON: the file and what the validator said. It keeps something of each file, so that its
memory may fill up; another goes on then where it ended.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
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
NO_TEMPLATE = {"no template is named, so nothing is in one": re.compile(": Content Item not in te")}
"""What it says beside of documents that name no template."""
_NO_FINDINGS = ("Found ", "Root Template Validation Complete", "IOD validation complete")


def said(files: Sequence[Path], *, timeout: float) -> Iterator[tuple[Path, list[str]]]:
    """Yield, file by file, the errors and warnings that the validator tells of each.

    `timeout`: seconds for all. Skips the test where Debian's libpixelmed-java is missing.
    """
    if not JAR.exists():
        pytest.skip("not installed: libpixelmed-java")
    end = time.monotonic() + timeout
    left = list(files)
    while left:
        before = len(left)
        for file, lines in _of_one_machine(left, end):
            left.remove(file)
            yield file, lines
        assert len(left) < before, "PixelMed's validator ended without a word"


def unexplained(lines: Sequence[str], reasons: Mapping[str, re.Pattern[str]]) -> list[str]:
    """Return the lines that none of `reasons` is about."""
    return [line for line in lines if not any(why.search(line) for why in reasons.values())]


def _of_one_machine(files: Sequence[Path], end: float) -> Iterator[tuple[Path, list[str]]]:
    command = [sys.executable, "-m", "tests.pixelmed", *map(str, files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        watch = threading.Timer(max(0.0, end - time.monotonic()), child.kill)
        watch.start()
        try:
            for line in child.stdout or ():
                file, text = json.loads(line)
                yield Path(file), list(filter(_is_said, text.splitlines()))
            assert time.monotonic() < end, "PixelMed's validator took too long"
        finally:
            watch.cancel()
            child.kill()


def _is_said(line: str) -> bool:
    return bool(line) and not line.startswith(_NO_FINDINGS)


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
    """Print what the validator says of each file, as soon as it is said."""
    import jpype

    limits = (f"-Djdk.xml.{name}=0" for name in _LIMITS)
    jpype.startJVM("-Xss64m", "-Xmx3g", *limits, classpath=[str(JAR.parent / "*")])
    validator = jpype.JClass("com.pixelmed.validate.DicomSRValidator")()
    for file in files:
        print(json.dumps([file, str(validator.validate(file))]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
