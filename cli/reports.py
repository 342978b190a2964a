"""`radraft show`, `radraft sign` and `radraft pairs export`."""

from __future__ import annotations

from pathlib import Path

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.cli.render import report_json, report_text
from radraft.core.canonical import plain
from radraft.pipeline.service import Service
from radraft.store.reports import UNBEGUN


def show(case_id: str, out: Output) -> None:
    """Print the report as it stands, its state and its signed versions."""
    with opened() as context:
        view = Service(context.store, context.settings, context.profile).case_view(case_id)
    begun = view.working.revision != UNBEGUN
    report = report_json(view.working.report) if begun else None
    state = view.working.state.value if begun else view.case.state.value
    notice = {"zh": view.notice[0], "en": view.notice[1]} if view.notice else None
    versions = [
        {"version": v.version, "signed_at": v.signed_at, "content_sha": v.content_sha}
        for v in view.versions
    ]
    text = f"{case_id}  {view.case.modality}  {state}\n"
    text += f"  {notice['zh']}\n  {notice['en']}\n" if notice else ""
    text += report_text(report, view.issues) if report else ""
    text += "".join(
        f"v{v['version']}  {v['signed_at']:%Y-%m-%d %H:%M} UTC  {v['content_sha']}\n"
        for v in versions
    )
    out.result(
        {
            "case_id": case_id,
            "modality": view.case.modality,
            "state": state,
            "revision": view.working.revision if begun else None,
            "covered": view.draft.coverage.value == "drafted" if view.draft else None,
            "notice": notice,
            "report": report,
            "issues": view.issues,
            "versions": versions,
        },
        text,
    )


def sign(case_id: str, author: str, out: Output, *, keep: bool) -> None:
    """Sign what stands now; with `keep` also the sentences that the image does not support."""
    from radraft.core.errors import ReportError
    from radraft.reports.check import kept

    with opened() as context:
        service = Service(context.store, context.settings, context.profile)
        view = service.case_view(case_id)
        working = view.working
        if working.revision == UNBEGUN:
            raise ReportError("draft_pending", case_id=case_id)
        if keep:
            report = kept(working.report, view.issues)
            working = service.save(case_id, report, base_revision=working.revision, editor=author)
        signed = service.sign(case_id, base_revision=working.revision, author=author)
    out.result(
        {
            "case_id": case_id,
            "version": signed.version,
            "author": signed.author,
            "signed_at": signed.signed_at,
            "content_sha": signed.content_sha,
            "report": report_json(signed.report),
        },
        f"{case_id}  v{signed.version}  {signed.content_sha}",
    )


def export_pairs(out_file: Path, out: Output) -> None:
    """Write both files and print how many of each."""
    from radraft.core.errors import SettingsError
    from radraft.finetune import export

    with opened() as context, context.store.read() as session:
        try:
            count = export.export(session, out_file)
        except OSError:
            raise SettingsError("cannot_write", file=str(out_file)) from None
    written = {"path": str(out_file), "preferences_path": str(export.preference_path(out_file))}
    written |= plain(count)
    out.result(written, "\n".join(f"{name}: {value}" for name, value in written.items()))
