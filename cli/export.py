"""`radraft export`: a signed report as a file, in any form that reports leave in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from radraft.cli.output import Output

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.reports.export.values import OutgoingReport
    from radraft.reports.values import Lang
    from radraft.store.database import Store


@dataclass(frozen=True)
class Asked:
    """What a form is made of."""

    report: OutgoingReport
    lang: Lang
    """Of labels, where a form has them in one language."""
    store: Store
    settings: Settings


def _text(asked: Asked) -> bytes:
    from radraft.reports.export.text import plain_text

    return plain_text(asked.report, asked.lang).encode()


def _pdf(asked: Asked) -> bytes:
    from radraft.pipeline.report_printing import printed_pdf

    return printed_pdf(asked.store, asked.settings, asked.report)


def _sr(asked: Asked) -> bytes:
    from radraft.reports.export import sr

    return sr.document(asked.report)


def _kos(asked: Asked) -> bytes:
    from radraft.reports.export import kos

    return kos.document(asked.report)


def _dicom_pdf(asked: Asked) -> bytes:
    from radraft.reports.export import encapsulated_pdf

    return encapsulated_pdf.document(asked.report, _pdf(asked))


def _fhir(asked: Asked) -> bytes:
    from radraft.pipeline.report_messages import fhir_bundle

    return fhir_bundle(asked.store, asked.report)


def _oru(asked: Asked) -> bytes:
    from radraft.reports.export.hl7_oru import Application, message

    site = asked.report.institution.site
    return message(
        asked.report, sending=Application("RADRAFT", site), receiving=Application("", "")
    )


FORMATS: Mapping[str, Callable[[Asked], bytes]] = {
    "text": _text,
    "pdf": _pdf,
    "sr": _sr,
    "kos": _kos,
    "dicom-pdf": _dicom_pdf,
    "fhir": _fhir,
    "oru": _oru,
}
"""What makes each form."""


def known_form(name: str) -> str:
    """Return `name`. typer.BadParameter where reports leave in no such form."""
    if name not in FORMATS:
        raise typer.BadParameter(f"not one of {', '.join(FORMATS)}")
    return name


def export(form: str, case_id: str, file: Path, lang: Lang, out: Output) -> None:
    """Write the newest signed version of a case's report to a new file, readable by its owner
    alone; the audit knows of it."""
    from radraft.cli.context import opened
    from radraft.pipeline.institutions import institution
    from radraft.pipeline.outgoing import read_signed
    from radraft.store import cases

    with opened() as context:
        with context.store.read() as session:
            site = cases.get_case(session, case_id).site
            whose = institution(context.settings, site)
            report = read_signed(session, case_id, institution=whose)
        content = FORMATS[form](Asked(report, lang, context.store, context.settings))
        note_export(context.store, form, site=site, case_id=case_id, version=str(report.version))
        _write(file, content)
    value = {"case_id": case_id, "version": report.version, "form": form, "file": str(file)}
    out.result(value, f"{form} {case_id} v{report.version}: {file}")


def note_export(
    store: Store, form: str, *, site: str = "", case_id: str | None = None, **details: str
) -> None:
    """Write down in the audit that somebody takes `form` out of radraft by the command line.

    Before it is written: what is not in the audit does not leave. StorageError.
    """
    from radraft.pipeline.audit_trail import command_line
    from radraft.reports.audit import AuditEvent, AuditKind
    from radraft.store import audit

    event = AuditEvent(
        AuditKind.EXPORT,
        datetime.now(UTC),
        command_line(),
        site=site,
        case_id=case_id,
        details={"form": form, **details},
    )
    with store.begin() as session:
        audit.append(session, event)


def code_system(file: Path, out: Output) -> None:
    """Write the CodeSystem of our own codes to a new file."""
    from radraft.reports.export import fhir_code_system

    content = fhir_code_system.code_system()
    _write(file, content)
    out.result({"file": str(file), "bytes": len(content)}, f"code system: {file}")


def _write(file: Path, content: bytes) -> None:
    """Write a new file; where that fails, none of it is left."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
    except OSError:
        file.unlink(missing_ok=True)
        raise
