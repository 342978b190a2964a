"""Archived reports as sets to train on and to evaluate with, as JSON lines.

`OUT.jsonl`: one supervised example a line, in the form of `finetune.export`, of train patients.
`OUT.held_out.zh.jsonl`, `OUT.held_out.en.jsonl`: reports of held-out patients as references for
`radraft eval text`, `{"id": case id, "findings": ..., "impression": ...}`.

A patient is on the same side as with training pairs (`training_pair.split_of`). Texts are without
identity (`***`); how often stands in `metadata.redacted`. Everything says `"origin": "archive"`:
nobody signed it here.

Left out, and counted: cases without key images, those that the profile's model does not cover,
images that a held-out patient has too, and texts in which today's rules still find identity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.finetune.export import assistant, chat, line, replacing
from radraft.pipeline.eligibility import barred
from radraft.prompts.build import variables
from radraft.prompts.templates import load_template
from radraft.prompts.values import NOT_LOOKED
from radraft.reports.archive.sections import sentences
from radraft.reports.archive.values import TaughtText
from radraft.reports.values import LANGS, Lang, Origin, Report, Sentence, Wording
from radraft.store import archive, cases
from radraft.studies import deidentify

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile

HELD_OUT = "held_out"
ORIGIN = "archive"


@dataclass(frozen=True)
class ArchiveSetCount:
    """What was written, and why the rest was not."""

    examples: int
    """To train on."""
    held_out: int
    """To evaluate with."""
    left_out: Mapping[str, int] = field(default_factory=dict)


def reference_path(out: Path, lang: Lang) -> Path:
    """Return `set.held_out.zh.jsonl` for `set.jsonl`."""
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.held_out.{lang}.jsonl")


def export_archive(
    session: Session, profile: Profile, out: Path, site: str | None = None
) -> ArchiveSetCount:
    """Write the sets, each file whole or not at all, mode 0600. OSError where `out` cannot be."""
    held = {
        image_id
        for text in archive.taught(session, site)
        if text.split == HELD_OUT
        for image_id in _image_ids(session, text.case_id)
    }
    count: Counter[str] = Counter()
    with ExitStack() as files:
        examples = files.enter_context(replacing(out))
        references = {
            lang: files.enter_context(replacing(reference_path(out, lang))) for lang in LANGS
        }
        for text in archive.taught(session, site):
            image_ids = _image_ids(session, text.case_id)
            reason = _left_out(session, profile, text, image_ids, held)
            if reason is not None:
                count[reason] += 1
            elif text.split == HELD_OUT:
                line(references[text.lang], _reference(text))
                count[HELD_OUT] += 1
            else:
                line(examples, _example(session, profile, text, image_ids))
                count["examples"] += 1
    written = {"examples": count.pop("examples", 0), "held_out": count.pop(HELD_OUT, 0)}
    return ArchiveSetCount(**written, left_out=dict(sorted(count.items())))


def _left_out(
    session: Session,
    profile: Profile,
    text: TaughtText,
    image_ids: tuple[str, ...],
    held: set[str],
) -> str | None:
    if not image_ids:
        return "no_images"
    if barred(session, profile, cases.deid_study(session, text.case_id)) is not None:
        return "not_covered"
    if deidentify.identifies(text.findings) or deidentify.identifies(text.impression):
        return "identified"
    if text.split != HELD_OUT and held.intersection(image_ids):
        return "leaked"
    return None


def _image_ids(session: Session, case_id: str) -> tuple[str, ...]:
    return tuple(image.image_id for image in cases.key_images(session, case_id))


def _reference(text: TaughtText) -> dict[str, str]:
    return {"id": text.case_id, "findings": text.findings, "impression": text.impression}


def _example(
    session: Session, profile: Profile, text: TaughtText, image_ids: tuple[str, ...]
) -> dict[str, Any]:
    template = load_template(profile.template)
    case = cases.deid_study(session, text.case_id)
    known = variables(case, len(image_ids), NOT_LOOKED)
    names = set(template.spec.variables)
    asked = template.fill({k: v for k, v in known.items() if k in names}, len(image_ids))
    messages, images = chat(canonical.plain(asked), image_ids)
    return {
        "messages": [*messages, assistant(_report(text), (text.lang,))],
        "images": images,
        "metadata": {
            "origin": ORIGIN,
            "case_id": text.case_id,
            "split": text.split,
            "site": text.site,
            "template_sha": template.sha,
            "languages": [text.lang],
            "redacted": f"{text.findings}{text.impression}".count(deidentify.REMOVED),
        },
    }


def _report(text: TaughtText) -> Report:
    def section(letter: str, words: str) -> Iterator[Sentence]:
        for number, sentence in enumerate(sentences(words, text.lang), 1):
            wording = Wording(text.lang, sentence, Origin.PERSON)
            yield Sentence(f"{letter}{number}", (wording,))

    return Report(
        text.case_id,
        tuple(section("f", text.findings)),
        tuple(section("i", text.impression)),
    )
