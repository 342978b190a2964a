"""Debian's PixelMed toolkit checks structured reports against their templates.

One virtual machine for all files: compiling the templates takes many times what a file takes. It
runs in a process of its own (`python -m tests.pixelmed FILE...`), which prints one JSON object:
{file: what the validator found}.
"""

from __future__ import annotations

import json
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
_NO_FINDINGS = ("Found ", "Root Template Validation Complete", "IOD validation complete")


def findings(files: Sequence[Path], *, timeout: float) -> dict[Path, list[str]]:
    """Return what the validator says of each file: errors and warnings, none where all is well.

    Skips the test where Debian's libpixelmed-java is missing.
    """
    if not JAR.exists():
        pytest.skip("not installed: libpixelmed-java")
    command = [sys.executable, "-m", "tests.pixelmed", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    told: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return {
        Path(file): [
            line for line in text.splitlines() if line and not line.startswith(_NO_FINDINGS)
        ]
        for file, text in told.items()
    }


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
    jpype.startJVM("-Xss64m", "-Xmx1g", *limits, classpath=[str(JAR.parent / "*")])
    validator = jpype.JClass("com.pixelmed.validate.DicomSRValidator")()
    print(json.dumps({file: str(validator.validate(file)) for file in files}))


if __name__ == "__main__":
    main(sys.argv[1:])
