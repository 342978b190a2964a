"""Archived reports as examples of each kind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radraft.core import canonical
from radraft.core.control_tokens import inert
from radraft.core.errors import ArchiveError
from radraft.finetune.archive_set.texts import aligned, languages
from radraft.finetune.archive_set.values import Example, Kind, Reason
from radraft.finetune.export import assistant, chat
from radraft.llm import concluding, translate
from radraft.prompts.build import told, variables
from radraft.prompts.templates import load_template
from radraft.prompts.values import NOT_LOOKED, Looked, Prior, Priors
from radraft.reports.archive.values import TaughtText
from radraft.reports.assertion import asserted_report, in_languages, taught_languages
from radraft.reports.findings.extract import claims_prior
from radraft.reports.site_languages import other_language
from radraft.reports.values import Lang, Report, Sentence
from radraft.store import cases, priors, signatures
from radraft.studies import deidentify

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.llm.profiles import Profile
    from radraft.prompts.templates import Template

ORIGIN = "archive"


@dataclass(frozen=True)
class Source:
    """An archived report that may teach."""

    text: TaughtText = field(repr=False)
    report: Report = field(repr=False)
    image_ids: tuple[str, ...]
    share: str
    """`values.TRAIN`, `VALID` or `HELD_OUT`."""


@dataclass(frozen=True)
class PriorReport:
    """An earlier report that goes into a prompt, and whose it is."""

    prior: Prior
    site: str
    patient_ref: str = field(repr=False)


def require(profile: Profile, kinds: Sequence[Kind]) -> None:
    """ArchiveError `archive_kind_without_priors` where examples with earlier reports are asked for
    and the profile's prompt has no place for them; PromptError as `load_template`."""
    if Kind.PRIOR in kinds and not load_template(profile.template).takes_priors:
        raise ArchiveError(
            "archive_kind_without_priors", profile=profile.name, template=profile.template
        )


def image_example(session: Session, profile: Profile, source: Source) -> Example:
    """Return the example of a study's key images and its report."""
    template = load_template(profile.template)
    messages, images = _asked(session, template, source, NOT_LOOKED)
    return _of_images(source, Kind.IMAGE, template, messages, images)


def prior_of(session: Session, source: Source, *, other_sites: bool) -> PriorReport | Reason:
    """Return the newest earlier report of the patient, by the rules that find earlier studies
    (`store.priors`), or why there is none that may stand in a prompt."""
    found = priors.find(session, source.text.case_id)
    if found.state is not Looked.FOUND:
        return Reason.NO_PRIOR
    elsewhere = False
    for prior in priors.reported(session, source.text.case_id):
        case = cases.get_case(session, prior.case_id)
        if case.site != source.text.site and not other_sites:
            elsewhere = True
            continue
        said = (prior.findings.zh, prior.findings.en, prior.impression.zh, prior.impression.en)
        if any(map(deidentify.identifies, said)):
            return Reason.IDENTIFIED
        return PriorReport(prior, case.site, case.patient_ref)
    return Reason.PRIOR_ELSEWHERE if elsewhere else Reason.PRIOR_UNREPORTED


def prior_example(
    session: Session, profile: Profile, source: Source, earlier: PriorReport
) -> Example:
    """Return the example of a study's key images and its report beside an earlier one, of which
    the prompt says how many days before it was."""
    template = load_template(profile.template)
    prior = earlier.prior
    given = Priors(Looked.FOUND, (prior,))
    messages, images = _asked(session, template, source, given)
    example = _of_images(source, Kind.PRIOR, template, messages, images)
    example["metadata"] |= {
        "prior_case_id": prior.case_id,
        "prior_days": prior.days_before,
        "prior_origin": "signed" if prior.version else ORIGIN,
    }
    return example


def impression_example(source: Source) -> Example | Reason:
    """Return the example of an impression of given findings, asked as the service asks."""
    report = source.report
    if not report.findings:
        return Reason.NO_FINDINGS
    if not report.impression:
        return Reason.NO_IMPRESSION
    answer = json.dumps(
        {"impression": concluding.written(report.impression)},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return _of_text(source, Kind.IMPRESSION, concluding.asked(report.findings), answer)


def translations(
    source: Source, pairs: Sequence[tuple[str, str]]
) -> Iterator[tuple[tuple[str, Lang], Example]]:
    """Yield an example of each (zh, en) sentence each way, asked as the service asks, and by what
    it is known again."""
    for zh, en in pairs:
        for lang, text, other in (("zh", zh, en), ("en", en, zh)):
            its: Lang = "zh" if lang == "zh" else "en"
            example = _of_text(
                source, Kind.TRANSLATION, translate.asked(text, its), translate.answer(other)
            )
            example["metadata"]["languages"] = [other_language(its)]
            example["metadata"]["from"] = its
            yield (text, its), example


def own_translations(report: Report) -> list[tuple[str, str]] | Reason:
    """Return the (zh, en) sentences of an archived report that has both."""
    if len(languages(report)) < 2:
        return Reason.ONE_LANGUAGE
    return [(sentence.zh, sentence.en) for sentence in report.sentences]


def signed_translations(session: Session, report: Report) -> list[tuple[str, str]] | Reason:
    """Return the (zh, en) sentences of an archived report in one language and the newest signed one
    of the same study in the other, section by section; the signed one without identity."""
    case_id = report.case_id
    found = signatures.read(session, case_id)
    if found.broken or not found.held:
        return Reason.ONE_LANGUAGE
    signed = found.held[-1]
    (lang, *more) = languages(report)
    other = other_language(lang)
    said = in_languages(asserted_report(signed), (other,))
    if more or other not in taught_languages(signed) or not said.sentences:
        return Reason.ONE_LANGUAGE
    pairs: list[tuple[str, str]] = []
    for ours, theirs in ((report.findings, said.findings), (report.impression, said.impression)):
        mine = _texts(ours, lang)
        clean = list(priors.cleaned(session, case_id, case_id, _texts(theirs, other)))
        if any(map(deidentify.identifies, clean)):
            return Reason.IDENTIFIED
        if not aligned(mine, lang, clean):
            return Reason.NOT_ALIGNED
        both = zip(mine, clean, strict=True)
        pairs += [(one, two) if lang == "zh" else (two, one) for one, two in both]
    return pairs


def _texts(sentences: Sequence[Sentence], lang: Lang) -> list[str]:
    return [sentence.text(lang) for sentence in sentences]


def _asked(
    session: Session, template: Template, source: Source, given: Priors
) -> tuple[list[dict[str, Any]], list[str]]:
    case = cases.deid_study(session, source.text.case_id)
    known = variables(case, len(source.image_ids), given)
    names = set(template.spec.variables)
    asked = template.fill(
        {name: value for name, value in known.items() if name in names},
        len(source.image_ids),
        [(told(number, prior), 0) for number, prior in enumerate(given.given, 1)],
    )
    return chat(canonical.plain(asked), source.image_ids)


def _of_images(
    source: Source,
    kind: Kind,
    template: Template,
    messages: list[dict[str, Any]],
    images: list[str],
) -> Example:
    report = source.report
    langs = languages(report)
    metadata = _metadata(source, kind) | {
        "template_sha": template.sha,
        "claims_prior": any(
            claims_prior(sentence.text(langs[0]), langs[0]) for sentence in report.sentences
        ),
    }
    return {
        "messages": [*messages, assistant(report, langs)],
        "images": images,
        "metadata": metadata,
    }


def _of_text(
    source: Source, kind: Kind, messages: Sequence[dict[str, str]], answer: str
) -> Example:
    asked = [
        {"role": message["role"], "content": [{"type": "text", "text": inert(message["content"])}]}
        for message in messages
    ]
    said = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
    return {"messages": [*asked, said], "images": [], "metadata": _metadata(source, kind)}


def _metadata(source: Source, kind: Kind) -> dict[str, Any]:
    text = source.text
    return {
        "origin": ORIGIN,
        "kind": kind.value,
        "case_id": text.case_id,
        "split": source.share,
        "site": text.site,
        "languages": list(languages(source.report)),
        "redacted": f"{text.findings}{text.impression}".count(deidentify.REMOVED),
    }
