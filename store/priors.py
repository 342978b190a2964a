"""Earlier studies of the same patient: found, linked by themselves or by a person, and handed on.

Identity is read here; what goes out are case ids, days and scrubbed text.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.prompts.values import NOT_LOOKED, Looked, Prior, Priors, Said
from radraft.reports.assertion import asserted_report
from radraft.reports.people import checked_name
from radraft.reports.values import Lang, Sentence, SignedReport
from radraft.store import _kin, archive, cases, images, patient_records, signatures
from radraft.store.objects import Objects
from radraft.store.sql import chunks, insert_new
from radraft.store.tables import CaseRow, PriorLinkRow, SignedRow
from radraft.studies.priors import LinkDecision, Match, match, overlapping, scrubbed
from radraft.studies.values import KeyImage, View

log = logging.getLogger("radraft.store.priors")


class LinkState(StrEnum):
    """What ties two studies together, or keeps them apart."""

    FOUND = "found"
    """Linked without asking anybody."""
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Linked:
    """An earlier study that is, or may be, of the same patient."""

    case_id: str
    days_before: int
    modality: str
    body_part: str
    view: View
    version: int | None
    """Newest signed version of its report."""
    confidence: float
    """0 to 1, as the identities agree."""
    reasons: tuple[str, ...]
    """Codes of `studies.priors.Reason`."""
    state: LinkState | None
    """None where a person has to say."""


@dataclass(frozen=True)
class PriorsFound:
    """All that is known of a case's earlier studies, each list newest first."""

    state: Looked
    priors: tuple[Linked, ...] = ()
    to_confirm: tuple[Linked, ...] = ()
    rejected: tuple[Linked, ...] = ()


def find(session: Session, case_id: str) -> PriorsFound:
    """Earlier studies that show some of the same part of the body. NotFound `case_not_found`.

    What a person said of two studies holds for all studies with the same two patient numbers.
    """
    own = _kin.one(session, case_id)
    if not overlapping(own.body_part) or not _kin.has_keys(session, case_id):
        return PriorsFound(Looked.NOT_LOOKED)
    said = {decision.who: decision.state for decision in _kin.decisions(session, own)}
    linked, to_confirm, rejected = [], [], []
    for other, matched in _matches(own, _kin.others(session, own)):
        decided = said.get(other.who)
        if decided == LinkState.REJECTED.value:
            rejected.append(_linked(session, own, other, matched, LinkState.REJECTED))
        elif decided == LinkState.CONFIRMED.value:
            linked.append(_linked(session, own, other, matched, LinkState.CONFIRMED))
        elif matched.outcome is LinkDecision.LINK:
            linked.append(_linked(session, own, other, matched, LinkState.FOUND))
        elif matched.outcome is LinkDecision.ASK:
            to_confirm.append(_linked(session, own, other, matched, None))
    state = Looked.FOUND if linked else Looked.UNSURE if to_confirm else Looked.NONE
    return PriorsFound(state, *map(_newest_first, (linked, to_confirm, rejected)))


def known_at(session: Session, case_id: str, when: datetime) -> tuple[Linked, ...]:
    """Return the earlier studies that were linked and had a signed report at `when`, newest first;
    without those that a person has said since to be of somebody else. NotFound `case_not_found`.
    """
    own = _kin.one(session, case_id)
    if not overlapping(own.body_part) or not _kin.has_keys(session, case_id):
        return ()
    matches = _matches(own, _kin.others(session, own))
    if not matches:
        return ()
    decided = _kin.decisions(session, own)
    then = {decision.who: decision.state for decision in decided if decision.at <= when}
    now = {decision.who: decision.state for decision in decided}
    linked = []
    for other, matched in matches:
        confirmed = then.get(other.who) == LinkState.CONFIRMED.value
        rejected = LinkState.REJECTED.value in (then.get(other.who), now.get(other.who))
        if not rejected and (confirmed or matched.outcome is LinkDecision.LINK):
            state = LinkState.CONFIRMED if confirmed else LinkState.FOUND
            linked.append(_linked(session, own, other, matched, state))
    signed = _with_signature(session, (prior.case_id for prior in linked), when)
    known = signed - _joined_later(session, case_id, signed, when)
    return _newest_first([prior for prior in linked if prior.case_id in known])


def _joined_later(
    session: Session, case_id: str, others: frozenset[str], when: datetime
) -> frozenset[str]:
    """Return those of `others` that are the patient's by a merge of numbers after `when`, and were
    not linked before."""
    renumbered = patient_records.renumbered_since(session, {case_id, *others}, when)
    joined = others if case_id in renumbered else others & renumbered
    linked = select(PriorLinkRow.prior_case_id).where(
        PriorLinkRow.case_id == case_id, PriorLinkRow.at <= when
    )
    return joined - frozenset(session.scalars(linked)) if joined else joined


def signed_of_patient(
    session: Session, case_id: str, sites: frozenset[str] | None
) -> tuple[Linked, ...]:
    """Return the signed studies of the same patient at `sites`, None for all: of any part of the
    body, also later ones (`days_before` is negative then), newest first. Whose patient is in doubt,
    or was said to be another, is not among them. NotFound `case_not_found`."""
    own = _kin.one(session, case_id)
    if not _kin.has_keys(session, case_id):
        return ()
    said = {decision.who: decision.state for decision in _kin.decisions(session, own)}
    known: dict[object, Match] = {}
    linked = []
    for other in _kin.others(session, own, any_part=True):
        decided = said.get(other.who)
        if decided == LinkState.REJECTED.value or (
            sites is not None and other.person.site not in sites
        ):
            continue
        if other.person not in known:
            known[other.person] = match(own.person, other.person)
        matched = known[other.person]
        if decided == LinkState.CONFIRMED.value or matched.outcome is LinkDecision.LINK:
            state = LinkState.CONFIRMED if decided else LinkState.FOUND
            linked.append(_linked(session, own, other, matched, state))
    return _newest_first([study for study in linked if study.version is not None])


def perhaps_of_patient(session: Session, case_id: str) -> frozenset[str]:
    """Return the studies, of any part of the body, that are of the case's patient or may be: all
    but those of which a person said that they are not, or whose identity does not fit.
    NotFound `case_not_found`."""
    own = _kin.one(session, case_id)
    mine = select(CaseRow.patient_ref).where(CaseRow.case_id == case_id).scalar_subquery()
    found = set(session.scalars(select(CaseRow.case_id).where(CaseRow.patient_ref == mine)))
    said = {decision.who: decision.state for decision in _kin.decisions(session, own)}
    for other in _kin.others(session, own, any_part=True):
        decided = said.get(other.who)
        fits = match(own.person, other.person).outcome in (LinkDecision.LINK, LinkDecision.ASK)
        if decided == LinkState.CONFIRMED.value or (fits and decided is None):
            found.add(other.case_id)
    return frozenset(found)


def impression_for(session: Session, case_id: str, other_case_id: str) -> Said | None:
    """Return what people asserted as the impression of another study's newest signed version,
    without what identifies either patient; None where nothing is signed, or it does not hold."""
    found = signatures.read(session, other_case_id)
    if found.broken or not found.held:
        return None
    return _sections(session, case_id, other_case_id, found.held[-1])[1]


def _with_signature(session: Session, case_ids: Iterable[str], when: datetime) -> frozenset[str]:
    found: set[str] = set()
    for some in chunks(case_ids):
        found.update(
            session.scalars(
                select(SignedRow.case_id).where(
                    SignedRow.case_id.in_(some), SignedRow.signed_at <= when
                )
            )
        )
    return frozenset(found)


def given(
    session: Session, objects: Objects, case_id: str, *, most: int, most_images: int
) -> Priors:
    """What goes with a request: up to `most` signed earlier studies, those of the same modality
    first, and up to `most_images` of their key images. Nothing is looked for where `most` is 0."""
    if most == 0:
        return NOT_LOOKED
    found = find(session, case_id)
    modality = cases.get_case(session, case_id).modality
    signed = [linked for linked in found.priors if linked.version is not None]
    signed.sort(key=lambda linked: (linked.modality != modality, linked.days_before))
    # Of what was changed after its signature nobody is told; a report that holds takes its place.
    intact = (prior for linked in signed if (prior := _prior(session, case_id, linked)) is not None)
    priors = sorted(islice(intact, most), key=lambda prior: (prior.days_before, prior.case_id))
    return Priors(found.state, _with_images(session, objects, priors, most_images))


@dataclass(frozen=True)
class EarlierReport:
    """An earlier study of the patient, and what its report says."""

    study_date: date
    """When the images were made, or came in where that is not known."""
    texts: tuple[tuple[Lang, str], ...] = field(repr=False)
    """What people asserted, without identity, by language: of what was signed here, else of the
    archive; empty where there is neither, or what was signed does not hold."""


def earlier_reports(
    session: Session, case_id: str, *, most: int
) -> tuple[EarlierReport, ...] | None:
    """Return the case's earlier studies, newest first, with the texts of the newest `most` that
    have a report; None where nobody looked for any, or where a person has yet to say whose they
    are."""
    found = find(session, case_id)
    if found.state is Looked.NOT_LOOKED or found.to_confirm:
        return None
    taken = _kin.one(session, case_id).taken.date()
    reports = []
    for linked in found.priors:
        texts = _texts(session, case_id, linked) if most > 0 else {}
        # Of a signature that does not hold, no older report takes the place.
        most -= bool(texts) or linked.version is not None
        reports.append(
            EarlierReport(
                study_date=taken - timedelta(days=linked.days_before),
                texts=tuple(texts.items()),
            )
        )
    return tuple(reports)


def _texts(session: Session, case_id: str, linked: Linked) -> dict[Lang, str]:
    """Return what an earlier study's report says, without identity, by language."""
    if linked.version is None:
        archived = archive.redacted_text(session, linked.case_id)
        if archived is None:
            return {}
        # It was redacted when it came in, by that day's rules and what one of both studies says of
        # the patient.
        sections = [text for text in (archived.findings, archived.impression) if text]
        whole = "\n".join(cleaned(session, case_id, linked.case_id, sections))
        return {archived.lang: whole} if whole else {}
    signed = _signed(session, linked)
    said = () if signed is None else _sections(session, case_id, linked.case_id, signed)
    texts: dict[Lang, str] = {
        "zh": "\n".join(filter(None, (section.zh for section in said))),
        "en": "\n".join(filter(None, (section.en for section in said))),
    }
    return {lang: text for lang, text in texts.items() if text}


def reported(session: Session, case_id: str) -> Iterator[Prior]:
    """Yield the case's earlier studies that have a report, newest first, with what people asserted
    in it and without identity: of what was signed here, else of the archive, whose `version` is 0.
    Of what was changed after its signature nothing is said. NotFound `case_not_found`."""
    for linked in find(session, case_id).priors:
        if linked.version is not None:
            prior = _prior(session, case_id, linked)
        else:
            prior = _archived(session, case_id, linked)
        if prior is not None:
            yield prior


def _archived(session: Session, case_id: str, linked: Linked) -> Prior | None:
    """Return an earlier study with its archived report; None where it has none."""
    text = archive.redacted_text(session, linked.case_id)
    if text is None:
        return None
    sections = cleaned(session, case_id, linked.case_id, (text.findings, text.impression))
    findings, impression = (
        Said(section, "") if text.lang == "zh" else Said("", section) for section in sections
    )
    return Prior(
        case_id=linked.case_id,
        version=0,
        days_before=linked.days_before,
        modality=linked.modality,
        body_part=linked.body_part,
        view=linked.view,
        findings=findings,
        impression=impression,
        image_ids=(),
        confidence=1.0 if linked.state is LinkState.CONFIRMED else linked.confidence,
    )


def record(session: Session, case_id: str, now: datetime) -> None:
    """Note which earlier studies are linked to the case by themselves."""
    for linked in find(session, case_id).priors:
        if linked.state is LinkState.FOUND:
            insert_new(session, PriorLinkRow, **_row(case_id, linked, LinkState.FOUND, None, now))


def confirm(session: Session, case_id: str, prior_case_id: str, *, by: str, now: datetime) -> None:
    """A person says that both studies are of the same patient. NotFound `prior_not_found` where
    the one was not found as an earlier study of the other; ReportError `author_invalid`."""
    _decide(session, case_id, prior_case_id, LinkState.CONFIRMED, by, now)


def reject(session: Session, case_id: str, prior_case_id: str, *, by: str, now: datetime) -> None:
    """A person says that they are of two patients, also where they were linked. Errors as
    above."""
    _decide(session, case_id, prior_case_id, LinkState.REJECTED, by, now)


def _decide(
    session: Session, case_id: str, prior_case_id: str, state: LinkState, by: str, now: datetime
) -> None:
    found = find(session, case_id)
    known = (*found.priors, *found.to_confirm, *found.rejected)
    linked = next((linked for linked in known if linked.case_id == prior_case_id), None)
    if linked is None:
        raise NotFound("prior_not_found")
    values = _row(case_id, linked, state, checked_name(by), now)
    session.merge(PriorLinkRow(**values))
    session.flush()


def _row(
    case_id: str, linked: Linked, state: LinkState, by: str | None, now: datetime
) -> dict[str, object]:
    return {
        "case_id": case_id,
        "prior_case_id": linked.case_id,
        "confidence": linked.confidence,
        "reasons": linked.reasons,
        "state": state.value,
        "by": by,
        "at": now,
    }


def _matches(own: _kin.Kin, others: list[_kin.Kin]) -> list[tuple[_kin.Kin, Match]]:
    """Earlier studies and how they match; the studies of one identity are compared once."""
    known: dict[object, Match] = {}
    found = []
    for other in others:
        if other.taken < own.taken:
            if other.person not in known:
                known[other.person] = match(own.person, other.person)
            found.append((other, known[other.person]))
    return found


def _linked(
    session: Session, own: _kin.Kin, other: _kin.Kin, matched: Match, state: LinkState | None
) -> Linked:
    return Linked(
        case_id=other.case_id,
        days_before=(own.taken.date() - other.taken.date()).days,
        modality=other.modality,
        body_part=other.body_part,
        view=other.view,
        version=_version(session, other.case_id),
        confidence=matched.confidence,
        reasons=tuple(reason.value for reason in matched.reasons),
        state=state,
    )


def _newest_first(found: list[Linked]) -> tuple[Linked, ...]:
    return tuple(sorted(found, key=lambda linked: (linked.days_before, linked.case_id)))


def _version(session: Session, case_id: str) -> int | None:
    return session.scalar(
        select(SignedRow.version)
        .where(SignedRow.case_id == case_id)
        .order_by(SignedRow.version.desc())
        .limit(1)
    )


def _prior(session: Session, case_id: str, linked: Linked) -> Prior | None:
    """Return an earlier study's newest report; None where it does not hold."""
    signed = _signed(session, linked)
    if signed is None:
        return None
    confirmed = linked.state is LinkState.CONFIRMED
    findings, impression = _sections(session, case_id, linked.case_id, signed)
    return Prior(
        case_id=linked.case_id,
        version=signed.version,
        days_before=linked.days_before,
        modality=linked.modality,
        body_part=linked.body_part,
        view=linked.view,
        findings=findings,
        impression=impression,
        image_ids=tuple(image.image_id for image in cases.key_images(session, linked.case_id)),
        confidence=1.0 if confirmed else linked.confidence,
    )


def _signed(session: Session, linked: Linked) -> SignedReport | None:
    """Return an earlier study's newest version; None where it does not hold, which is logged."""
    found = signatures.read(session, linked.case_id)
    if found.broken:
        log.error(str(found.broken[0].error()))
        return None
    return found.held[-1]


def _sections(
    session: Session, case_id: str, prior_case_id: str, signed: SignedReport
) -> tuple[Said, Said]:
    """Findings and impression without identity: a reader may have written who it is about."""

    def said(section: tuple[Sentence, ...]) -> Said:
        texts = [
            " ".join(filter(None, (sentence.zh for sentence in section))),
            " ".join(filter(None, (sentence.en for sentence in section))),
        ]
        return Said(*cleaned(session, case_id, prior_case_id, texts))

    report = asserted_report(signed)
    return said(report.findings), said(report.impression)


def cleaned(
    session: Session, case_id: str, prior_case_id: str, texts: Sequence[str]
) -> Iterator[str]:
    """Yield the texts of an earlier study without what identifies the patient as either has him."""
    who, now = cases.identity(session, prior_case_id), cases.identity(session, case_id)
    former = [
        patient
        for study in (prior_case_id, case_id)
        for patient in patient_records.known_as(session, study)
        if patient not in (who.patient, now.patient)
    ]
    for text in texts:
        clean = scrubbed(text, who.patient, who.accession, now.patient, now.accession)
        for patient in former:
            clean = scrubbed(clean, patient, "", patient, "")
        yield clean


def _images(session: Session, objects: Objects, case_id: str) -> tuple[KeyImage, ...]:
    """An earlier study's key images; none where a retention rule dropped them."""
    try:
        return images.load(session, objects, case_id).images
    except NotFound as error:
        if error.code != "images_dropped":
            raise
        return ()


def _with_images(
    session: Session, objects: Objects, priors: list[Prior], most: int
) -> tuple[Prior, ...]:
    """`priors` with their first images, taken in turn, `most` in all."""
    own = [_images(session, objects, prior.case_id) for prior in priors] if most else []
    chosen: list[list[KeyImage]] = [[] for _ in priors]
    for place in range(max(map(len, own), default=0)):
        for mine, all_images in zip(chosen, own, strict=True):
            if place < len(all_images) and sum(map(len, chosen)) < most:
                mine.append(all_images[place])
    pairs = zip(priors, chosen, strict=True)
    return tuple(replace(prior, images=tuple(mine)) for prior, mine in pairs)
