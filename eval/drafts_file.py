"""The drafts of a run as `drafts.jsonl`, which can be scored again to the digit.

One draft a line, in the set's order::

    {"id": ..., "zh": [sentences], "en": [sentences],
     "findings": {"zh": [{"code", "polarity", "laterality"}, ...], "en": [...]},
     "support": [nats or null, ...], "failed": code or null, "model": ..., "quality_gate": true}

`findings` is what the extractor of that day read, for people and other programs; scoring reads the
sentences again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radraft.core.errors import EvalError
from radraft.eval import json_lines
from radraft.eval.values import Drafted, EvalSet
from radraft.reports.findings.extract import extract
from radraft.reports.values import LANGS, Lang

NAME = "drafts.jsonl"


@dataclass(frozen=True)
class DraftsFile:
    """What a run drafted and what it says of itself."""

    drafts: tuple[Drafted, ...]
    model: str
    quality_gate: bool


def write_drafts(path: Path, run: DraftsFile) -> None:
    """Write `run` to `path`, whole or not at all. EvalError `eval_not_written`."""
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for draft in run.drafts:
                file.write(json.dumps(_line(draft, run), ensure_ascii=False) + "\n")
        unfinished.replace(path)
    except OSError:
        raise EvalError("eval_not_written", file=str(path.parent)) from None
    finally:
        unfinished.unlink(missing_ok=True)


def read_drafts(path: Path) -> DraftsFile:
    """Return the drafts in `path`, in its order.

    Only `id`, `zh` and `en` are needed; the file's name stands for a model that is not named.
    EvalError, naming file, line and id, for what is no draft, is there twice, or has another
    number of sentences in one language than in the other.
    """
    found: dict[str, Drafted] = {}
    first: Mapping[str, Any] = {}
    for line, _, raw in json_lines.lines(path):
        entry = json_lines.entry(raw, line, path)
        draft = _draft(entry, line, path)
        if draft.id in found:
            raise EvalError(
                "eval_duplicate_id",
                file=str(path),
                line=line,
                id=json_lines.shown(draft.id),
                first=1 + list(found).index(draft.id),
            )
        found[draft.id] = draft
        first = first or entry
    if not found:
        raise EvalError("eval_no_reports", file=str(path))
    model = first.get("model")
    return DraftsFile(
        tuple(found.values()),
        model if isinstance(model, str) and model.isprintable() else path.name,
        first.get("quality_gate") is True,
    )


def in_order_of(chosen: EvalSet, drafts: Sequence[Drafted], path: Path) -> tuple[Drafted, ...]:
    """Return `drafts` in the order of the set's items.

    EvalError `eval_ids_differ` where they are not of the same studies; `path` is what it names.
    """
    known = {draft.id: draft for draft in drafts}
    wanted = {item.id: item for item in chosen.items}
    if known.keys() != wanted.keys():
        raise json_lines.ids_differ(str(path), wanted, known)
    return tuple(known[item.id] for item in chosen.items)


def is_draft(entry: Mapping[str, Any]) -> bool:
    """Whether a line of a report file is one of `drafts.jsonl`."""
    return isinstance(entry.get("zh"), list) and isinstance(entry.get("en"), list)


def draft_text(entry: Mapping[str, Any], lang: Lang) -> str:
    """Return the text that a line of `drafts.jsonl` is scored as."""
    sentences = tuple(text for text in entry[lang] if isinstance(text, str))
    return Drafted("", sentences, sentences).text(lang)


def _line(draft: Drafted, run: DraftsFile) -> dict[str, Any]:
    return {
        "id": draft.id,
        "zh": draft.zh,
        "en": draft.en,
        "findings": {lang: _findings(draft.text(lang), lang) for lang in LANGS},
        "support": draft.support,
        "failed": draft.failed,
        "model": run.model,
        "quality_gate": run.quality_gate,
    }


def _findings(text: str, lang: Lang) -> list[dict[str, str | None]]:
    return [
        {
            "code": mention.code,
            "polarity": mention.polarity.value,
            "laterality": mention.laterality.value if mention.laterality else None,
        }
        for mention in extract(text, lang)
    ]


def _draft(entry: Mapping[str, Any], line: int, path: Path) -> Drafted:
    key = entry.get("id")
    if not isinstance(key, str) or not key.strip() or not key.isprintable():
        raise EvalError("eval_bad_id", file=str(path), line=line)
    where: dict[str, Any] = {"file": str(path), "line": line, "id": json_lines.shown(key)}
    for field in LANGS:
        if not _all(entry.get(field), str):
            raise EvalError("eval_wrong_type", field=field, **where)
    if len(entry["zh"]) != len(entry["en"]):
        raise EvalError("eval_lengths_differ", first=len(entry["zh"]), second=len(entry["en"]))
    support, failed = entry.get("support") or [], entry.get("failed")
    if not _all(support, float | int | None):
        raise EvalError("eval_wrong_type", field="support", **where)
    if not isinstance(failed, str | None):
        raise EvalError("eval_wrong_type", field="failed", **where)
    return Drafted(
        key,
        tuple(entry["zh"]),
        tuple(entry["en"]),
        tuple(None if nats is None else float(nats) for nats in support),
        failed,
    )


def _all(values: object, kind: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)
