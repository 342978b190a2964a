"""The gate: a candidate against what serves, on reports that neither was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

import radraft
from radraft.core import canonical
from radraft.core.errors import AdapterError, DraftingError
from radraft.eval.bootstrap import SEED
from radraft.eval.cache import metrics_sha
from radraft.finetune.gate.archived import frozen_archive
from radraft.finetune.gate.decide import complete, decide
from radraft.finetune.gate.drafts import Desk, Progress, Writer
from radraft.finetune.gate.leak import check_leak, trained_cases
from radraft.finetune.gate.limits import AdapterLimits, limits
from radraft.finetune.gate.measure import measure
from radraft.finetune.gate.reference import REFERENCE, FrozenReport, Reference
from radraft.llm.adapter import ARCHIVE, BASE_DRAFTS, Adapter, Check, GateRecord, GateStage
from radraft.llm.adapter_lifecycle import Move, transition
from radraft.llm.endpoint import HEALTH_S
from radraft.llm.question import ask_and_wait
from radraft.pipeline.promotion import adapter_event
from radraft.prompts.templates import load_template
from radraft.reports.people import checked_name
from radraft.store import adapter_files, adapters, audit, cases
from radraft.studies.values import View

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.endpoint import Endpoint
    from radraft.llm.profiles import Profile
    from radraft.pipeline.draft import VisionModel
    from radraft.store.database import Store
    from radraft.store.objects import Objects

CHANGED = ("kind", "recipe", "seed", "seeds", "counts", "parents", "weights", "kept", "versions")
"""What of an adapter's card says how it was made; its lists of pairs and images stay with it."""


def gate(
    adapter_id: str,
    *,
    store: Store,
    settings: Settings,
    profile: Profile,
    endpoint: Endpoint,
    vision: VisionModel | None,
    by: str,
    on_progress: Progress = lambda text, part: None,
) -> GateRecord:
    """Decide on a candidate, or again on a shadow, and keep the decision that `by` confirms.

    The reference is what was signed at the site. Where too little was, a candidate that learned
    from the archive, or goes back to one that did, is held against the archive's reports of
    held-out patients, and the record says so.

    Nothing is kept where no decision was come to. AdapterError `adapter_unknown`,
    `adapter_move_refused` (it serves or is retired), `gate_base_differs`, `gate_frozen_too_few`,
    `gate_archive_too_few`, `adapter_files_changed`, `adapter_not_loaded`, `gate_serving_changed`;
    ReportError `author_invalid`; DraftingError as `drafts.Desk.draft`.
    """
    by, held = checked_name(by), limits().adapter
    with store.read() as session:
        known = _facts(session, store.objects, profile, adapter_id)
    _require(known, profile, held)
    on_progress("leak", 0.0)
    leak = check_leak(
        known.adapter, known.frozen, store.objects, known.parents, known.of_trained_patients
    )
    desk = Desk(
        store=store,
        settings=settings,
        profile=profile,
        endpoint=endpoint,
        candidate=_writer(known.adapter, settings, vision),
        serving=_writer(_drafting(known, profile), settings, vision),
        on_progress=on_progress,
    )
    both = desk.draft([pair.case_id for pair in known.frozen], held)
    on_progress("comparing", 1.0)
    checks = complete((leak, *measure(known.frozen, both, held, known.patients, known.reference)))
    tested = _tested(known, held, profile, endpoint)
    decision = _decision(known, checks, tested, by)
    _keep(store, decision)
    return decision


@dataclass(frozen=True)
class _Facts:
    """What the store knows when the gate begins."""

    adapter: Adapter
    serving: Adapter | None
    parents: tuple[Adapter, ...]
    reference: Reference
    frozen: tuple[FrozenReport, ...]
    found: int
    """Frozen reports that these were drawn from."""
    patients: tuple[str, ...]
    """Of each frozen pair."""
    of_trained_patients: frozenset[str]
    """Frozen cases of patients of whom the candidate learned another study of the archive: their
    numbers were merged since."""
    affects: Mapping[str, Any]


def _facts(session: Session, objects: Objects, profile: Profile, adapter_id: str) -> _Facts:
    from radraft.finetune.selection import select as selected

    adapter = adapters.get(session, adapter_id)
    # What could not be stopped is not asked.
    transition(adapter.state, Move.FAIL)
    parents = adapters.ancestors(session, adapter)
    frozen: tuple[FrozenReport, ...] = selected(session, objects, adapter.site).frozen
    found, reference = len(frozen), Reference.SIGNED
    if found < limits().adapter.frozen_least and _is_of_archive(adapter, parents):
        archived = frozen_archive(session, profile, adapter.site, adapter.card.get("encoder_id"))
        frozen, found, reference = archived.reports, archived.found, Reference.ARCHIVE
    trained = cases.patient_refs(session, trained_cases((adapter, *parents)))
    patients = tuple(cases.get_case(session, pair.case_id).patient_ref for pair in frozen)
    known = set(trained.values())
    return _Facts(
        adapter=adapter,
        serving=adapters.route(session, adapter.site).serving,
        parents=parents,
        reference=reference,
        frozen=frozen,
        found=found,
        patients=patients,
        of_trained_patients=frozenset(
            pair.case_id for pair, patient in zip(frozen, patients, strict=True) if patient in known
        ),
        affects=_affects(session, profile, adapter.site),
    )


def _is_of_archive(adapter: Adapter, parents: Sequence[Adapter]) -> bool:
    return any(member.card.get("kind") == ARCHIVE for member in (adapter, *parents))


def _require(known: _Facts, profile: Profile, held: AdapterLimits) -> None:
    adapter, found = known.adapter, len(known.frozen)
    if not profile.is_base(adapter.base):
        raise AdapterError(
            "gate_base_differs",
            adapter=adapter.adapter_id,
            base=adapter.base,
            running=profile.model_id,
        )
    if found < held.frozen_least:
        code = (
            "gate_frozen_too_few" if known.reference is Reference.SIGNED else "gate_archive_too_few"
        )
        raise AdapterError(code, site=adapter.site, found=found, needed=held.frozen_least)


def _drafting(known: _Facts, profile: Profile) -> Adapter | None:
    """Return the adapter that drafts now; None for the base, which also drafts where the site has
    another model than the one that its serving adapter was trained on (`adapter_router`)."""
    serving = known.serving
    return serving if serving is not None and profile.is_base(serving.base) else None


def _decision(
    known: _Facts, checks: tuple[Check, ...], tested: Mapping[str, Any], by: str
) -> GateRecord:
    return GateRecord(
        site=known.adapter.site,
        stage=GateStage.ADAPTER,
        adapter_id=known.adapter.adapter_id,
        serving_id=known.serving.adapter_id if known.serving else None,
        base=known.adapter.base,
        passed=decide(checks),
        checks=checks,
        changed=_changed(known.adapter),
        tested=tested,
        affects=known.affects,
        decided_at=datetime.now(UTC),
        confirmed_by=by,
    )


def _writer(adapter: Adapter | None, settings: Settings, vision: VisionModel | None) -> Writer:
    if adapter is None:
        return Writer.of(None, None, vision)
    folder = adapter_files.verified(settings.adapters_dir, adapter)
    return Writer.of(adapter.adapter_id, folder, vision)


def _keep(store: Store, decision: GateRecord) -> None:
    """Record and move, both or neither, while what serves is still what was compared with."""
    with store.begin() as session:
        serving = adapters.route(session, decision.site).serving
        if (serving.adapter_id if serving else None) != decision.serving_id:
            raise AdapterError("gate_serving_changed", site=decision.site)
        adapters.record(session, decision)
        move = "passed_gate" if decision.passed else "stopped_at_gate"
        typed = decision.confirmed_by or ""
        event = adapter_event(decision.site, move, adapter=decision.adapter_id or "", typed=typed)
        audit.append(session, event)


def _changed(adapter: Adapter) -> dict[str, Any]:
    told = {name: adapter.card[name] for name in CHANGED if name in adapter.card}
    return {**told, "parent": adapter.parent, "data_sha": adapter.data_sha, "rank": adapter.rank}


def _tested(
    known: _Facts, held: AdapterLimits, profile: Profile, endpoint: Endpoint
) -> dict[str, Any]:
    return {
        REFERENCE: known.reference.value,
        "reports": len(known.frozen),
        "reports_found": known.found,
        "patients": len(set(known.patients)),
        "frozen_sha": canonical.sha256(sorted(pair.pair_id for pair in known.frozen)),
        "resamples": held.resamples,
        "seed": SEED,
        "limits_sha": canonical.sha256(held.model_dump(mode="json")),
        "metrics_sha": metrics_sha(),
        "profile_hash": profile.profile_hash,
        BASE_DRAFTS: known.serving is not None and _drafting(known, profile) is None,
        "template_sha": load_template(profile.template).sha,
        "versions": {"radraft": radraft.__version__, "numpy": version("numpy")},
        "engine": _engine(endpoint),
    }


def _affects(session: Session, profile: Profile, site: str) -> dict[str, Any]:
    """What the profile covers, and how many of the site's cases that are."""
    rows = cases.kind_counts(session, site)
    total = sum(count for *_, count in rows)
    covered = sum(
        count for modality, part, view, count in rows if profile.covers(modality, part, View(view))
    )
    return {
        "site": site,
        "covers": [kind.model_dump(mode="json") for kind in profile.covered],
        "cases": total,
        "covered": covered,
        "share": covered / total if total else None,
    }


def _engine(endpoint: Endpoint) -> str | None:
    """Return vLLM's version; None where it does not say."""
    try:
        answer = ask_and_wait(
            "GET", f"{endpoint.url}/version", key=endpoint.key, patience_s=HEALTH_S
        )
        return str(answer.json()["version"])
    except (DraftingError, KeyError, TypeError):
        return None
