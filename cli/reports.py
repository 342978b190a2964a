"""`radraft show` and `radraft pairs export`."""

from __future__ import annotations

from pathlib import Path

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.cli.render import report_json, report_text
from radraft.core.canonical import plain
from radraft.core.errors import message
from radraft.pipeline.service import Service
from radraft.reports.assertion import unasserted
from radraft.reports.values import ReportState
from radraft.store.reports import UNBEGUN


def show(case_id: str, out: Output) -> None:
    """Print the report as it stands, its state and its signed versions."""
    with opened() as context:
        view = Service(context.store, context.settings, context.profile).case_view(case_id)
    working = view.working
    begun = working.revision != UNBEGUN
    # Of a signed report that was changed since, nothing is printed that somebody might rely upon.
    hidden = bool(view.broken) and working.state is ReportState.SIGNED
    report = report_json(working.report) if begun and not hidden else None
    state = working.state.value if begun else view.case.state.value
    warning = {"zh": view.warning[0], "en": view.warning[1]} if view.warning else None
    notice = {"zh": view.notice[0], "en": view.notice[1]} if view.notice else None
    versions = [
        {"version": v.version, "signed_at": v.signed_at, "content_sha": v.content_sha}
        for v in view.versions
    ]
    text = f"{case_id}  {view.case.modality}  {state}\n"
    text += f"! {warning['zh']}\n  {warning['en']}\n" if warning else ""
    text += f"  {notice['zh']}\n  {notice['en']}\n" if notice else ""
    by_machine = unasserted(working.report) if working.state is not ReportState.SIGNED else ()
    told = message("ai_generated", {"n": len(by_machine)})
    text += f"  {told[0]}\n  {told[1]}\n" if by_machine else ""
    issues = [issue.as_json() for issue in view.issues]
    text += report_text(report, issues) if report else ""
    text += "".join(
        f"v{v['version']}  {v['signed_at']:%Y-%m-%d %H:%M} UTC  {v['content_sha']}\n"
        for v in versions
    )
    out.result(
        {
            "case_id": case_id,
            "modality": view.case.modality,
            "state": state,
            "revision": working.revision if begun else None,
            "covered": view.draft.coverage.value == "drafted" if view.draft else None,
            "notice": notice,
            "report": report,
            "ai_generated": by_machine,
            "issues": issues,
            "versions": versions,
            "broken": view.broken,
            "warning": warning,
        },
        text,
    )


def export_pairs(out_file: Path, out: Output, *, pixels: bool = False) -> None:
    """Write both files, with `pixels` the pictures too, and print how many of each. The audit knows
    of it."""
    from radraft.cli.export import note_export
    from radraft.core.errors import SettingsError
    from radraft.finetune import export

    with opened() as context:
        form = "training pairs with images" if pixels else "training pairs"
        note_export(context.store, form)
        with context.store.read() as session:
            try:
                objects = context.store.objects if pixels else None
                count = export.export(session, out_file, objects)
            except OSError:
                raise SettingsError("cannot_write", file=str(out_file)) from None
    written = {"path": str(out_file), "preferences_path": str(export.preference_path(out_file))}
    written |= plain(count)
    out.result(written, "\n".join(f"{name}: {value}" for name, value in written.items()))
