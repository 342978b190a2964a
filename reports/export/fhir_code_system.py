"""Our own codes as a FHIR R4 CodeSystem, for servers that want to show or check them."""

from __future__ import annotations

from radraft.core import canonical
from radraft.reports.export.terminology import OWN, own_codes


def code_system() -> bytes:
    """Return every code of ours that a document may carry, with its names in English and Chinese,
    as canonical JSON (UTF-8). Its version is the hash of its codes."""
    concepts = [
        {
            "code": code.code,
            "display": code.en,
            "designation": [{"language": "zh", "value": code.zh}],
        }
        for code in own_codes()
    ]
    made = {
        "resourceType": "CodeSystem",
        "id": OWN.url.removeprefix("urn:uuid:"),
        "language": "en",
        "url": OWN.url,
        "version": canonical.sha256(concepts)[:16],
        "name": "RadraftFindings",
        "title": "Findings, places and attributes of radraft",
        "status": "active",
        "experimental": False,
        "publisher": "radraft",
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }
    return canonical.dumps_plain(made).encode()
