"""`radraft backup`, `radraft restore` and `radraft upgrade`."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.cli.output import Output
from radraft.core import settings as settings_module
from radraft.core.errors import BackupError, RadraftError, message
from radraft.core.logs import write_log

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.reports.audit import AuditKind
    from radraft.store.backup_manifest import Manifest
    from radraft.store.restore import LaterBackup
    from radraft.store.upgrade import Rehearsed

MOST_LISTED = 1000
"""Missing files that are named one by one; all are counted."""


def backup(target: Path, out: Output, *, with_secret: bool) -> None:
    """Make a backup and say what it holds."""
    from radraft.reports.audit import AuditKind
    from radraft.store import backup as backups

    settings = settings_module.load()
    with out.waiting("radraft backup") as move:
        made = backups.make(settings, target, move, with_secret=with_secret)
    # After it: the log is a file of the data folder, which must be there.
    write_log(settings)
    _note(settings, AuditKind.EXPORT, backup=made.folder.name)
    value = {
        **_plain(made.folder, made.manifest),
        "copied": made.copied,
        "copied_bytes": made.copied_bytes,
        "missing_files": made.missing[:MOST_LISTED],
    }
    lines = [
        f"{made.folder}: {_of(made.manifest)}; {made.copied} files new in the target "
        f"({_mib(made.copied_bytes)} MiB)",
        *_sentences("backup_holds_secret" if with_secret else "backup_holds_identity"),
    ]
    if made.missing:
        lines += _sentences("backup_files_missing", count=len(made.missing))
        lines += [f"  - {path}" for path in made.missing[:MOST_LISTED]]
    out.result(value, "\n".join(lines))


def restore(target: Path, secret: Path | None, out: Output, *, check: bool) -> None:
    """Put a backup back and say whether it holds; exit 1 where it does not."""
    from radraft.reports.audit import AuditKind
    from radraft.store import restore as restores

    settings = settings_module.load()
    with out.waiting("radraft restore") as move:
        if check:
            examined = restores.examine(target, secret, move)
        else:
            restored = restores.restore(settings, target, secret, move)
            examined = restored.examined
    value = _plain(examined.folder, examined.manifest)
    if check:
        out.result({**value, "ok": True}, f"{examined.folder}: {_of(examined.manifest)}")
        return
    write_log(settings)
    _note(settings, AuditKind.CONFIGURATION, restored=examined.folder.name)
    code = "restored_unsound" if restored.faults else "restored_sound"
    lines = [
        f"{examined.folder}: {_of(examined.manifest)}",
        *(f"! {fault}: {count}" for fault, count in restored.faults.items()),
        *_sentences(code, at=_minute(examined.manifest)),
    ]
    if restored.later is not None:
        lines += _sentences("restored_behind", **_lost(restored.later))
    if restored.held:
        lines += _sentences("restored_held", count=restored.held)
    if examined.manifest.missing:
        lines += _sentences("backup_files_missing", count=examined.manifest.missing)
    value |= {
        "ok": not restored.faults,
        "faults": dict(restored.faults),
        "held": restored.held,
        "later": None if restored.later is None else _lost(restored.later),
    }
    out.result(value, "\n".join(lines))
    if restored.faults:
        out.fail(1)


def upgrade(out: Output, *, copy_only: bool) -> None:
    """Migrate a copy, say how long it took, and then the database itself."""
    from radraft.store import upgrade as upgrades

    settings = settings_module.load()
    with out.waiting("radraft upgrade") as move:
        rehearsed = upgrades.rehearse(settings, move)
    out.say(_rehearsal(rehearsed))
    value = {
        "schema_before": rehearsed.before,
        "schema": rehearsed.newest,
        "seconds_of_copy": round(rehearsed.seconds, 2),
        "counts": dict(rehearsed.counts),
        "faults": dict(rehearsed.faults),
    }
    if rehearsed.faults:
        out.error(BackupError("upgrade_unsound"), **value)
        out.fail(1)
    if copy_only:
        out.result({**value, "upgraded": False}, "The database itself is as it was.")
        return
    seconds = upgrades.upgrade(settings)
    out.result(
        {**value, "upgraded": True, "seconds": round(seconds, 2)},
        f"The database is of schema {rehearsed.newest}; that took {seconds:.1f} s.",
    )


def _rehearsal(rehearsed: Rehearsed) -> str:
    found = ", ".join(f"{fault}: {count}" for fault, count in rehearsed.faults.items())
    return (
        f"A copy went from schema {rehearsed.before} to {rehearsed.newest} in "
        f"{rehearsed.seconds:.1f} s ({_counts(rehearsed.counts)}); "
        + (found or "all signatures and the audit hold there")
    )


def _note(settings: Settings, kind: AuditKind, **details: str) -> None:
    """Write down that it was done; not into a database of another schema, which opening would
    migrate, nor into an audit whose end is broken."""
    from radraft.pipeline.audit_trail import command_line
    from radraft.reports.audit import AuditEvent
    from radraft.store import audit, backup_database
    from radraft.store.database import open_store

    with suppress(RadraftError):
        if not backup_database.is_newest(settings):
            return
        store = open_store(settings, accept_missing_triggers=True, accept_worklist=True)
        try:
            with store.begin() as session:
                audit.append(
                    session, AuditEvent(kind, datetime.now(UTC), command_line(), details=details)
                )
        finally:
            store.close()


def _plain(folder: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "made_at": manifest.made_at,
        "radraft": manifest.radraft,
        "database": manifest.database,
        "schema": manifest.schema_number,
        "counts": dict(manifest.counts),
        "files": manifest.files,
        "bytes": manifest.bytes,
        "missing": manifest.missing,
        "with_secret": manifest.with_secret,
    }


def _lost(later: LaterBackup) -> dict[str, str | int]:
    """What the later backup has more, as it is printed."""
    return {
        "folder": str(later.folder),
        "signatures": later.signatures,
        "events": later.events,
    }


def _minute(manifest: Manifest) -> str:
    return f"{manifest.made_at:%Y-%m-%d %H:%M:%S} UTC"


def _of(manifest: Manifest) -> str:
    return (
        f"{_minute(manifest)}, {manifest.database}, schema "
        f"{manifest.schema_number}, {_counts(manifest.counts)}, {manifest.files} files "
        f"({_mib(manifest.bytes)} MiB)"
    )


def _counts(counts: Any) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f}"


def _sentences(code: str, **details: str | int) -> list[str]:
    zh, en = message(code, details)
    return [f"  {zh}", f"  {en}"]
