"""Training pairs as JSON lines for trl and peft.

`OUT.jsonl`, one supervised example a line::

    {"messages": [{"role": "system"|"user", "content": [{"type": "text", "text": ...},
                                                         {"type": "image"}, ...]},
                  {"role": "assistant", "content": [{"type": "text", "text": REPORT}]}],
     "images": [image_id, ...], "metadata": {...}}

`OUT.preference.jsonl`, one preference a line, only where a model's draft was changed in more than
white space and the width of its characters::

    {"prompt": [messages], "chosen": [assistant message], "rejected": [assistant message],
     "images": [...], "metadata": {...}}

REPORT is the report in the very form the model drafts it, as far as people assert it
(`reports.assertion`): text that nobody wrote or confirmed is not in it. A template's lines that
were confirmed as they stand are in an example and in no preference: of them no draft was
corrected. `images` are in the order
of the image parts; their pixels are `images/<first two characters>/<image_id>.png` in object
storage. Exported with pixels, they lie in the folder `OUT.images` beside the file, and `images` are
paths from the file's own folder, which `datasets.Image` takes; `metadata.image_ids` are the ids.
`metadata.split` marks what must not be trained on.

Left out, and counted: signatures that do not hold any more (`store.signatures`), versions that an
amendment superseded, reports without a request (no model covers the study), and what
`finetune.screen` finds in a pair: signed unread, or text that names its patient or signer or still
identifies somebody.
"""

from __future__ import annotations

import json
import os
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from sqlalchemy.orm import Session

from radraft.core.control_tokens import inert
from radraft.core.errors import NotFound, StorageDamaged
from radraft.finetune.screen import Reason, screen
from radraft.reports.edits import Edit
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import LANGS, Coverage, Lang, Report, Sentence
from radraft.store import images
from radraft.store.objects import Objects
from radraft.store.pairs import pairs as stored_pairs
from radraft.store.signatures import BrokenSignature, newest_versions


@dataclass(frozen=True)
class ExportCount:
    """What an export wrote and what it left out."""

    examples: int
    preferences: int
    held_out: int
    """Examples marked `held_out`, among `examples`."""
    broken: int
    """Pairs whose report was changed, or of whose case a version is gone, since it was signed."""
    superseded: int
    without_request: int
    unread: int
    """Pairs signed faster than their text can be read."""
    named: int
    """Pairs withheld because their text names the patient or a signer."""
    identified: int
    """Pairs withheld because their text still holds what looks like identity."""
    without_pixels: int = 0
    """Pairs left out of an export with pixels because a picture is gone or damaged."""


def export(session: Session, out: Path, pixels: Objects | None = None) -> ExportCount:
    """Write every case's newest pair to `out` and to its `.preference.jsonl` neighbour.

    With `pixels`, the storage that they lie in, the pictures are written beside them.
    """
    broken: list[BrokenSignature] = []
    count = export_pairs(session, stored_pairs(session, broken=broken), out, pixels)
    return replace(count, broken=len(broken))


def export_pairs(
    session: Session, pairs: Iterable[TrainingPair], out: Path, pixels: Objects | None = None
) -> ExportCount:
    """Write both files, each whole or not at all, mode 0600. OSError where `out` cannot be.

    Pictures stay where a later pair fails: a picture is never written over by another.
    """
    last = newest_versions(session)
    count: Counter[str] = Counter()
    with replacing(out) as examples, replacing(preference_path(out)) as preferences:
        for pair in pairs:
            reason = _left_out(session, pair, last)
            if reason is not None:
                count[reason] += 1
                continue
            written = example(pair)
            if pixels is not None and not write_pixels(pixels, written["images"], out):
                count["without_pixels"] += 1
                continue
            line(examples, placed(written, out) if pixels else written)
            count["examples"] += 1
            count["held_out"] += pair.split == "held_out"
            if is_preference(pair):
                preferred = preference(pair)
                line(preferences, placed(preferred, out) if pixels else preferred)
                count["preferences"] += 1
    return ExportCount(
        examples=count["examples"],
        preferences=count["preferences"],
        held_out=count["held_out"],
        broken=0,
        superseded=count["superseded"],
        without_request=count["without_request"],
        unread=count[Reason.UNREAD],
        named=count[Reason.NAMED],
        identified=count[Reason.IDENTIFIED],
        without_pixels=count["without_pixels"],
    )


def preference_path(out: Path) -> Path:
    """`pairs.preference.jsonl` for `pairs.jsonl`."""
    return out.with_name(out.name.removesuffix(".jsonl") + ".preference.jsonl")


def pixels_folder(out: Path) -> Path:
    """`pairs.images` for `pairs.jsonl`."""
    return out.with_name(out.name.removesuffix(".jsonl") + ".images")


def example(pair: TrainingPair) -> dict[str, Any]:
    """The supervised line of `pair`."""
    messages, image_ids = _prompt(pair)
    return {
        "messages": [*messages, assistant(pair.asserted, pair.langs)],
        "images": image_ids,
        "metadata": _metadata(pair),
    }


def is_preference(pair: TrainingPair) -> bool:
    """Whether a model's draft was there and was changed, other than in what `typed` levels."""
    drafted = pair.draft.coverage is Coverage.DRAFTED
    return drafted and typed(pair.drafted) != typed(pair.corrected)


def preference(pair: TrainingPair) -> dict[str, Any]:
    """The preference line of `pair`: the signed report over the draft."""
    messages, image_ids = _prompt(pair)
    return {
        "prompt": messages,
        "chosen": [assistant(pair.corrected, pair.langs)],
        "rejected": [assistant(pair.drafted, pair.langs)],
        "images": image_ids,
        "metadata": _metadata(pair),
    }


def target_text(report: Report, langs: Sequence[Lang] = LANGS) -> str:
    """Return the report as the model writes it, `{"findings":[{"zh","en"}...],"impression":[...]}`,
    in the languages of it that are given, with nothing in it that a tokenizer takes for control."""

    def section(sentences: tuple[Sentence, ...]) -> list[dict[str, str]]:
        return [{lang: inert(sentence.text(lang)) for lang in langs} for sentence in sentences]

    value = {"findings": section(report.findings), "impression": section(report.impression)}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def typed(report: Report) -> str:
    """The report to compare by: without white space, in one width (Unicode's NFKC)."""

    def level(sentence: Sentence) -> Sentence:
        zh, en = (
            "".join(unicodedata.normalize("NFKC", text).split())
            for text in (sentence.zh, sentence.en)
        )
        return sentence.reworded(zh=zh, en=en)

    findings, impression = map(level, report.findings), map(level, report.impression)
    return target_text(replace(report, findings=tuple(findings), impression=tuple(impression)))


def chat(
    messages: Sequence[Mapping[str, Any]], image_ids: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Chat messages of a request's plain ones, and the image ids in the order they are shown."""
    found: list[dict[str, Any]] = []
    shown: list[str] = []
    for message in messages:
        content: list[dict[str, str]] = []
        for part in message["parts"]:
            if part["type"] == "image":
                shown.append(image_ids[part["index"]])
                content.append({"type": "image"})
            else:
                content.append({"type": "text", "text": inert(part["text"])})
        found.append({"role": message["role"], "content": content})
    return found, shown


def write_pixels(objects: Objects, image_ids: Iterable[str], out: Path) -> bool:
    """Write the pictures that are not there yet, mode 0600; return False where one is gone or
    damaged."""
    folder = pixels_folder(out)
    folder.mkdir(mode=0o700, exist_ok=True)
    for image_id in image_ids:
        path = folder / f"{image_id}.png"
        if path.exists():
            continue
        try:
            data = images.png(objects, image_id)
        except (NotFound, StorageDamaged):
            return False
        descriptor, name = tempfile.mkstemp(prefix=".", dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    return True


def placed(written: dict[str, Any], out: Path) -> dict[str, Any]:
    """Return a line with paths from its file's folder in place of image ids."""
    folder, ids = pixels_folder(out).name, written["images"]
    return {
        **written,
        "images": [f"{folder}/{image_id}.png" for image_id in ids],
        "metadata": {**written["metadata"], "image_ids": ids},
    }


def _prompt(pair: TrainingPair) -> tuple[list[dict[str, Any]], list[str]]:
    return chat(json.loads(pair.request)["messages"], pair.image_ids)


def assistant(report: Report, langs: Sequence[Lang] = LANGS) -> dict[str, Any]:
    """Return the message in which the model writes `report` in those languages."""
    return {"role": "assistant", "content": [{"type": "text", "text": target_text(report, langs)}]}


def _metadata(pair: TrainingPair) -> dict[str, Any]:
    edits = Counter(edit.edit for edit in pair.stats.sentences)
    return {
        "pair_id": pair.pair_id,
        "split": pair.split,
        "site": pair.site,
        "request_sha": pair.request_sha,
        "template_sha": pair.template_sha,
        "encoder_id": pair.encoder_id,
        "model_id": pair.draft.model_id,
        "adapter_id": pair.draft.adapter_id,
        "coverage": pair.draft.coverage.value,
        "content_sha": pair.signed.content_sha,
        "version": pair.signed.version,
        "signed_by": "author" if pair.signed.reviewer is None else "author_and_reviewer",
        "edits": {kind.value: edits[kind] for kind in Edit},
        "moved": sum(edit.moved for edit in pair.stats.sentences),
        "distance_zh": pair.stats.distance_zh,
        "distance_en": pair.stats.distance_en,
        "languages": pair.langs,
        "rejected": _rejected(pair),
    }


def _rejected(pair: TrainingPair) -> list[dict[str, Any]]:
    """Return why readers took drafted sentences out, by their place in the draft as it is written
    here."""
    drafted = pair.drafted
    sections = (("findings", drafted.findings), ("impression", drafted.impression))
    places = {
        sentence.id: (section, number)
        for section, sentences in sections
        for number, sentence in enumerate(sentences)
    }
    return [
        {
            "section": places[sentence.sentence_id][0],
            "place": places[sentence.sentence_id][1],
            "reason": sentence.reason.value,
        }
        for sentence in pair.rejected
        if sentence.sentence_id in places
    ]


def _left_out(session: Session, pair: TrainingPair, last: Mapping[str, int]) -> str | None:
    if pair.signed.version < last[pair.case_id]:
        return "superseded"
    return screen(session, pair) if pair.request else "without_request"


def line(stream: IO[str], value: Mapping[str, Any]) -> None:
    """Write one line of JSON."""
    stream.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A file that takes the place of `path` if all goes well, and else leaves nothing behind."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
