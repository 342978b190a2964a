"""npm's `fhir` holds FHIR resources against the definitions of R4."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "fhir_validator"
NOT_BOUND = {
    "DiagnosticReport.category",
    "DiagnosticReport.code",
    "DiagnosticReport.conclusionCode",
    "DiagnosticReport.meta.security",
    "Device.type",
    "Observation.bodySite",
    "Observation.code",
    "Observation.component.code",
    "Observation.interpretation",
    "Observation.meta.security",
    "Provenance.reason",
}
"""Where R4 recommends codes and others may stand, or where the validator knows none of the codes
that R4 names: LOINC, those of HL7 version 2 and 3 (docs/exports.md)."""


def installed(folder: Path) -> Path:
    """Return the validator's folder with its packages, which are put in `folder` where the
    checkout has none. Skips the test where npm cannot install them."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    if (FOLDER / "node_modules").is_dir():
        return FOLDER
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("npm cannot reach its packages")
    return folder


def said(validator: Path, documents: Sequence[bytes]) -> list[dict[str, str]]:
    """Return everything that the validator says of the documents, in one process."""
    done = subprocess.run(
        ["node", "validate.js"],
        cwd=validator, input=b"".join(document + b"\n" for document in documents),
        capture_output=True, check=True, timeout=1200,
    )  # fmt: skip
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(documents)
    return [message for line in lines for message in json.loads(line)]


def place(message: dict[str, str]) -> str:
    """Return the element that a message is about."""
    parts = [part.partition("[")[0] for part in message["location"].split(".")]
    return ".".join(parts)


def is_explained(message: dict[str, str]) -> bool:
    """Return whether a message is a warning of a code that may stand where it does."""
    return message["severity"] == "warning" and place(message) in NOT_BOUND
