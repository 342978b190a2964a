"""`radraft listen`, `radraft received` and `radraft pull`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.cli.context import Context, opened
from radraft.cli.output import Output
from radraft.cli.shutdown import Shutdown
from radraft.core.errors import SettingsError, catalogue, message
from radraft.exchange.values import PacsError

if TYPE_CHECKING:
    from rich.progress import Progress as ProgressBar

    from radraft.core.settings import Settings
    from radraft.exchange.dicomweb import Dicomweb, FoundStudy, Pulled, Pushed, Query
    from radraft.pipeline.inbox import Inbox
    from radraft.pipeline.intake import Progress
    from radraft.store.arrivals import Arrival

LISTED = 200
"""Most refused objects of one listing, the newest."""
_AWAY = frozenset({"pacs_unreachable", "pacs_refused", "pacs_redirects", "pacs_too_slow"})
"""A PACS that answers one study like this answers all so."""


def listen(out: Output) -> None:
    """Receive and take in until interrupted (SIGINT, SIGTERM)."""
    from radraft.pipeline.encoders import extractor_loader
    from radraft.pipeline.intake import receiving, wanted
    from radraft.pipeline.order_intake import receiving_orders
    from radraft.pipeline.worklist_orders import asking_worklist

    with Shutdown() as shutdown, opened() as context:
        settings = context.settings
        if not wanted(settings) and not settings.hl7_port:
            raise SettingsError("dicom_port_missing")
        with (
            receiving_orders(settings, context.store) if settings.hl7_port else nullcontext(),
            asking_worklist(settings, context.store) if settings.mwl else nullcontext(),
            receiving(
                settings,
                context.profile,
                context.store,
                load_extractor=extractor_loader(context.store),
            ) as receiver,
        ):
            out.result(
                {"aet": settings.dicom_aet, "host": settings.dicom_host, "port": receiver.port},
                _where(settings),
            )
            with out.console().status("") as shown:
                while True:
                    shutdown.wait(1.0)
                    shown.update(_status(receiver.progress()))


def received(out: Output) -> None:
    """What waits, and what was refused and why."""
    from radraft.store import arrivals, inbox_name

    with opened() as context, context.store.read() as session:
        counts = arrivals.counts(session)
        refused = arrivals.listing(session, limit=LISTED)
        data_dir = context.settings.data_dir
    own = inbox_name.read(data_dir)
    folder = data_dir / "quarantine"
    cut = counts[arrivals.ArrivalState.REFUSED] > len(refused)
    lines = [f"{state.value}: {number}" for state, number in counts.items()]
    lines += [_refused_line(file, folder, own) for file in refused]
    if cut:
        lines.append(f"Only the newest {len(refused)} of what was refused are listed.")
    out.result(
        {
            "counts": counts,
            "refused": [_refused_json(file, folder, own) for file in refused],
            "cut": cut,
        },
        "\n".join(lines),
    )


def pull(patient: str, study: str, since: str, url: str, out: Output) -> None:
    """Retrieve studies from the PACS and take them in. Exit 3 where not all came that it has."""
    from radraft.exchange.dicomweb import Query

    if not (patient or study or since):
        raise PacsError("pull_nothing_named")
    try:
        query = Query(patient, study, date.fromisoformat(since) if since else None)
    except ValueError:
        raise PacsError("pull_bad_date") from None
    with opened() as context, _pacs(context.settings, url) as pacs:
        found, text = _pulled(query, pacs, context, out)
    out.result(found, text)
    if found["missing"] or found["refused"] or found["faults"]:
        out.fail(3)


def push(path: Path, url: str, out: Output) -> None:
    """Store DICOM files in the PACS. Exit 3 where it did not store all."""
    from radraft.core import settings as settings_module

    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    with _pacs(settings_module.load(), url) as pacs:
        pushed = pacs.store(files)
    found = {
        "stored": pushed.stored,
        "failed": len(pushed.failed),
        "reasons": sorted({f"0x{code:04X}" for code in pushed.failed}),
        "warnings": sorted({f"0x{code:04X}" for code in pushed.warned}),
        "unconfirmed": [str(file) for file in pushed.unconfirmed],
        "refused": [{"file": str(file), "code": code} for file, code in pushed.refused],
        "faults": [pushed.fault.code] if pushed.fault else [],
    }
    out.result(found, _pushed_text(pushed))
    if pushed.failed or pushed.unconfirmed or pushed.refused:
        out.fail(3)


def _pushed_text(pushed: Pushed) -> str:
    reasons = sorted({f"0x{code:04X}" for code in pushed.failed})
    lines = [f"Stored: {pushed.stored}", f"Not stored: {len(pushed.failed)} {' '.join(reasons)}"]
    if pushed.warned:
        warnings = sorted({f"0x{code:04X}" for code in pushed.warned})
        lines.append(f"Stored with a warning: {len(pushed.warned)} {' '.join(warnings)}")
    if pushed.fault:
        lines += [pushed.fault.code, pushed.fault.message_zh, pushed.fault.message_en]
    if pushed.unconfirmed:
        lines += message("push_not_confirmed", {"count": len(pushed.unconfirmed)})
        lines += [str(file) for file in pushed.unconfirmed]
    for file, code in pushed.refused:
        lines += [f"{file}  {code}", *message(code, {})]
    return "\n".join(lines)


def _pulled(
    query: Query, pacs: Dicomweb, context: Context, out: Output
) -> tuple[dict[str, Any], str]:
    from radraft.pipeline.encoders import extractor_loader
    from radraft.pipeline.intake import completion, opened_inbox
    from radraft.pipeline.late_images import note_missing

    settings, store = context.settings, context.store
    studies = pacs.search(query)
    if not studies:
        raise PacsError("pacs_study_not_found")
    with opened_inbox(settings, store) as inbox, out.progress() as progress:
        pulled, faults = _retrieved(studies, pacs, inbox, settings, progress)
        if not pulled:
            raise next(iter(faults.values()))
        progress.add_task("Taking in studies", total=None)
        done = completion(settings, context.profile, store, inbox, extractor_loader(store))
        # What was asked for is whole, or its readers are told: nothing more of it is waited for.
        cases = done.run(only=frozenset(study.study_uid for study in studies))
    missing = {study: came.missing(study.instances) for study, came in pulled.items()}
    for study, came in pulled.items():
        note_missing(store, study.study_uid, missing=missing[study] > 0 or came.fault is not None)
    faulty = [*faults.values(), *(came.fault for came in pulled.values() if came.fault)]
    found = {
        "studies": len(studies),
        "objects": sum(came.new for came in pulled.values()),
        "cases": cases,
        "missing": sum(missing.values()),
        "refused": sorted(code for came in pulled.values() for code in came.refused),
        "faults": sorted(fault.code for fault in faulty),
    }
    return found, _pulled_text(found, faulty)


def _retrieved(
    studies: Sequence[FoundStudy],
    pacs: Dicomweb,
    inbox: Inbox,
    settings: Settings,
    progress: ProgressBar,
) -> tuple[dict[FoundStudy, Pulled], dict[FoundStudy, PacsError]]:
    """Return what came of the studies, and why nothing came of the others.

    A study that cannot be had does not keep the others out, unless the PACS is away altogether.
    """
    from radraft.exchange.dicomweb import pull as retrieve

    scratch = settings.data_dir / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    pulled, faults = {}, {}
    task = progress.add_task("Retrieving studies", total=len(studies))
    for study in studies:
        try:
            came = retrieve(pacs, study.study_uid, inbox, site=settings.site, scratch=scratch)
            pulled[study] = came
        except PacsError as error:
            faults[study] = error
            if error.code in _AWAY:
                break
        progress.advance(task)
    return pulled, faults


def _pulled_text(found: dict[str, Any], faults: Sequence[PacsError]) -> str:
    lines = [
        f"{found['studies']} studies, {found['objects']} new objects, "
        f"{found['cases']} cases wait for a draft"
    ]
    if found["missing"]:
        lines += message("pull_images_missing", {"count": found["missing"]})
    for code in found["refused"]:
        lines += [code, *message(code, {})]
    for fault in faults:
        lines += [fault.code, fault.message_zh, fault.message_en]
    return "\n".join(lines)


def _pacs(settings: Settings, url: str) -> Dicomweb:
    from radraft.exchange.dicomweb import Dicomweb

    if not (url or settings.pacs_url):
        raise PacsError("pacs_not_set")
    return Dicomweb(
        url or settings.pacs_url,
        user=settings.pacs_user,
        password=settings.pacs_password.get_secret_value(),
        ca=settings.pacs_ca,
    )


def _where(settings: Settings) -> str:
    lines = []
    if settings.dicom_port:
        secured = " (TLS)" if settings.dicom_tls_cert else ""
        lines.append(
            f"DICOM: {settings.dicom_aet} at {settings.dicom_host}:{settings.dicom_port}{secured}"
        )
    if settings.hl7_port:
        secured = " (TLS)" if settings.hl7_tls_cert else ""
        lines.append(f"HL7: {settings.hl7_host}:{settings.hl7_port}{secured}")
    if settings.watch_dir is not None:
        lines.append(f"Watched folder: {settings.watch_dir}")
    return "\n".join([*lines, f"Logs: {settings.data_dir / 'logs'}", "Ctrl-C stops it."])


def _status(now: Progress) -> str:
    return (
        f"{now.stored} stored, {now.known} known before, {now.failed} not stored; "
        f"{now.waiting} waiting, {now.taken_in} cases taken in, {now.refused} refused"
    )


def _refused_line(arrival: Arrival, folder: Path, own: str) -> str:
    entry = catalogue().get(arrival.code or "", {"zh": "", "en": ""})
    when = arrival.received_at.astimezone().isoformat(sep=" ", timespec="seconds")
    sentences = [entry[lang] for lang in ("zh", "en") if "{" not in entry[lang]]
    told = "".join(f"\n  {sentence}" for sentence in sentences)
    file = _refused_file(arrival, folder, own)
    return f"{when}  {arrival.source}  {arrival.site}  {arrival.code}\n  {file}{told}"


def _refused_json(arrival: Arrival, folder: Path, own: str) -> dict[str, Any]:
    return {
        "received_at": arrival.received_at,
        "source": arrival.source,
        "site": arrival.site,
        "code": arrival.code,
        "file": _refused_file(arrival, folder, own),
    }


def _refused_file(arrival: Arrival, folder: Path, own: str) -> str:
    """Return where a refused file lies; of another server's the name of its inbox."""
    if arrival.inbox in {"", own}:
        return str(folder / arrival.file)
    return f"{arrival.inbox}: quarantine/{arrival.file}"
