"""The line's first steps for the items of a set, into a store of the evaluation's own."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core.errors import EvalError, RadraftError, StudyRejected
from radraft.core.file_hash import file_sha256
from radraft.eval.values import SetItem
from radraft.pipeline.ingest import ingest
from radraft.store import cases
from radraft.store.database import Store
from radraft.studies.values import DeidStudy

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.studies.features import FeatureExtractor


@dataclass(frozen=True)
class Taken:
    """An item as a case of the evaluation's store, or why it is none."""

    item: SetItem
    sha: str = ""
    """Of the files' content."""
    case: DeidStudy | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Intake:
    """How items become cases."""

    store: Store
    profile: Profile
    keep: Path
    load_extractor: Callable[[], FeatureExtractor | None] | None = None
    """Gives the encoder that judges quality as the product does; None judges nothing."""


def take_in(item: SetItem, intake: Intake) -> Taken:
    """Take in an item as the product does, once for the same content."""
    try:
        sha = content_sha(item.study)
        path = intake.keep / "taken" / f"{sha}.json"
        known = read_json(path)
        if known is None:
            known = {"case_id": _ingest(item.study, intake)}
            write_json(path, known)
        with intake.store.read() as session:
            case = cases.deid_study(session, known["case_id"])
    except RadraftError as error:
        return Taken(item, failed=error.code)
    except OSError:
        return Taken(item, failed="eval_item_without_study")
    return Taken(item, sha, case)


def content_sha(study: Path) -> str:
    """SHA-256 of a file, or of a folder's files with their relative paths, in sorted order.

    OSError where it cannot be read.
    """
    digest = hashlib.sha256()
    folder = study.is_dir()
    for path in sorted(p for p in study.rglob("*") if p.is_file()) if folder else [study]:
        sha = file_sha256(path)
        name = path.relative_to(study).as_posix() if folder else ""
        digest.update(f"{sha} {name}\n".encode())
    return digest.hexdigest()


def read_json(path: Path) -> Any:
    """What `write_json` kept; None where nothing is, or what is there cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_json(path: Path, value: Any) -> None:
    """Keeps `value` in one step: a killed run leaves the whole of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{secrets.token_hex(4)}")
    partial.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)


def _ingest(study: Path, intake: Intake) -> str:
    found = ingest(
        study,
        store=intake.store,
        profile=intake.profile,
        site="eval",
        scratch=intake.keep / "scratch",
        load_extractor=intake.load_extractor or (lambda: None),
        judging=intake.load_extractor is not None,
    )
    case_ids = found.cases + found.known
    if len(case_ids) > 1:
        raise EvalError("eval_item_several_studies")
    if not case_ids and found.rejections:
        raise StudyRejected(found.rejections[0].code)
    if not case_ids:
        raise EvalError("eval_item_without_study")
    return case_ids[0]
