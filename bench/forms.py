"""Hold signed reports of all shapes, in every form that they leave in, against every checker.

    python -m radraft.bench.forms [--reports 200] [--only WORDS]

Each line is a form and a checker: how many documents were looked at, what was found, and warnings
that stay, each with its reason below. `--only pixelmed` takes the lines with that word in them.
PixelMed's checker takes seconds a report and comes last. Needs what the tests need: dcmtk,
dicom3tools, node and npm, libpixelmed-java.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from radraft.reports.export.values import OutgoingReport

# The reports, their readers and the checkers are the tests'.
from tests import dciodvfy, fhir_validation, hl7_tables, pixelmed
from tests.outgoing_reports import all_shapes
from tests.read_back.facts import counted, differences, facts
from tests.read_back.forms import FORMS, Form

HOUR = 3600.0
Reasons = Mapping[str, re.Pattern[str]]
Said = Iterable[tuple[object, list[str]]]
"""What a checker says, document by document."""


@dataclass
class Line:
    """What one checker says of the documents of one form."""

    form: str
    checker: str
    documents: int = 0
    findings: list[str] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)
    """Warnings by the reason why they stay."""
    compared: Counter[str] = field(default_factory=Counter)
    """Values read back, by kind."""

    def __str__(self) -> str:
        numbers = f"{self.documents:5} {len(self.findings):9} {sum(self.explained.values()):9}"
        compared = ", ".join(f"{n} {kind}" for kind, n in self.compared.items() if n)
        return f"{self.form:22} {self.checker:26} {numbers}  {compared}"


def main() -> int:
    """Print the table; 1 where anything was found, or a checker is not there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--reports", type=int, default=200)
    parser.add_argument("--only", default="", help="lines with these words alone")
    asked = parser.parse_args()
    reports = all_shapes(asked.reports)
    title = f"{'form':22} {'checker':26} {'n':>5} {'findings':>9} {'warnings':>9}  compared"
    print(title, flush=True)
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, line in lines(reports, Path(folder)):
            if asked.only.lower() not in name.lower():
                continue
            try:
                told = line()
            except pytest.skip.Exception as missing:
                print(f"{name}: not run: {missing}", flush=True)
                found += 1
                continue
            print(told, flush=True)
            for text, count in Counter(told.findings).most_common(10):
                print(f"    FOUND {count} x {text[:300]}", flush=True)
            for reason, count in told.explained.most_common():
                print(f"    stays {count} x {reason}", flush=True)
            found += len(told.findings)
    return 1 if found else 0


def lines(
    reports: tuple[OutgoingReport, ...], folder: Path
) -> Iterator[tuple[str, Callable[[], Line]]]:
    """Yield what makes each line of the table, under the words by which it is chosen."""
    for form in FORMS.values():
        yield f"{form.name} {form.reader}", lambda form=form: read_back(form, reports)  # type: ignore[misc]
    for name in ("DICOM SR", "DICOM key images", "DICOM PDF"):
        yield f"{name} dciodvfy", lambda name=name: by_dciodvfy(FORMS[name], reports, folder)  # type: ignore[misc]
    yield "FHIR R4 npm fhir", lambda: by_npm(reports, folder)
    yield "HL7 ORU^R01 hl7apy", lambda: by_hl7apy(reports, folder)
    yield "DICOM SR PixelMed", lambda: by_pixelmed(reports, folder, claimed=False)
    yield "DICOM SR as TID 2000 PixelMed", lambda: by_pixelmed(reports, folder, claimed=True)


def read_back(form: Form, reports: Iterable[OutgoingReport]) -> Line:
    """Return what was read otherwise than it was written."""
    line = Line(form.name, f"read by {form.reader}")
    for report in filter(form.made_of, reports):
        told = facts(report)
        expected = form.carried(told)
        read = form.read(form.write(report), report, told)
        line.documents += 1
        line.findings += differences(report.case_id, expected, read)
        line.compared.update(counted(told, expected.keys()))
    return line


def by_dciodvfy(form: Form, reports: Iterable[OutgoingReport], folder: Path) -> Line:
    """Return what dicom3tools says of a DICOM form."""
    file = folder / "object.dcm"

    def said() -> Said:
        for report in filter(form.made_of, reports):
            file.write_bytes(form.write(report))
            yield report.case_id, dciodvfy.said(file)

    return _sorted(Line(form.name, "dciodvfy"), said(), dciodvfy.EXPLAINED)


def by_npm(reports: Iterable[OutgoingReport], folder: Path) -> Line:
    """Return what npm's `fhir` says of the bundles."""
    validator = fhir_validation.installed(folder / "validator")
    documents = [FORMS["FHIR R4"].write(report) for report in reports]
    line = Line("FHIR R4", "npm fhir 4.12.0", len(documents))
    for message in fhir_validation.said(validator, documents):
        if fhir_validation.is_explained(message):
            line.explained[f"not in the value set: {fhir_validation.place(message)}"] += 1
        elif message["severity"] != "info":
            line.findings.append(f"{fhir_validation.place(message)}: {message['message']}")
    return line


def by_hl7apy(reports: Iterable[OutgoingReport], folder: Path) -> Line:
    """Return what hl7apy's tables say of the messages."""
    form = FORMS["HL7 ORU^R01, utf-8"]
    told = ((r.case_id, hl7_tables.said(form.write(r), folder / "told")) for r in reports)
    return _sorted(Line("HL7 ORU^R01", "hl7apy 2.5.1"), told, hl7_tables.EXPLAINED)


def by_pixelmed(reports: Iterable[OutgoingReport], folder: Path, *, claimed: bool) -> Line:
    """Return what PixelMed says of structured reports; `claimed`: of what TID 2000 has a place for,
    as that template."""
    files = []
    for number, report in enumerate(reports):
        file = folder / f"{number:04d}.dcm"
        file.write_bytes(FORMS["DICOM SR"].write(report))
        files.append(pixelmed.as_basic_report(file, file) if claimed else file)
    name = "DICOM SR as TID 2000" if claimed else "DICOM SR"
    reasons = pixelmed.EXPLAINED if claimed else pixelmed.EXPLAINED | pixelmed.NO_TEMPLATE
    return _sorted(Line(name, "PixelMed"), pixelmed.said(files, timeout=3 * HOUR), reasons)


def _sorted(line: Line, said: Said, reasons: Reasons) -> Line:
    """`line` with what is said told apart: what stays for one of `reasons`, and the rest."""
    for _, messages in said:
        line.documents += 1
        for message in messages:
            reason = next((why for why, known in reasons.items() if known.search(message)), None)
            if reason is None:
                line.findings.append(message)
            else:
                line.explained[reason] += 1
    return line


if __name__ == "__main__":
    raise SystemExit(main())
