"""The one exception tree.

    RadraftError
    ├── SettingsError        configuration that cannot work
    ├── StudyRejected        a file or study that cannot be taken in
    ├── EncodingError        pixels that the vision encoder cannot embed
    ├── PromptError          a template that does not fit its variables
    ├── DraftingError        vLLM is down, slow, cut off, or answered out of format
    ├── ReportError          an edit or a signature that is not allowed
    ├── FollowupError        a question that cannot be answered now
    ├── EvalError            input that cannot be scored without guessing
    ├── TrainingError        a recipe or data that nothing can be trained from
    ├── PacsError            a PACS that cannot be asked, or says no
    ├── MessageError         a message of another system that cannot be read or used
    ├── DeliveryError        a receiver that did not take a report, or did not say so
    ├── AdapterError         an adapter that may not serve, or a move it cannot make
    ├── SignInError          somebody who is not let in, or may not do what he asks
    ├── TokenError           a program that is not let in, or a token that cannot be made
    ├── BackupError          a backup that cannot be made or put back
    ├── RetentionError       a retention rule that cannot be set or applied
    ├── ArchiveError         past reports that cannot be read in
    ├── BackfillError        work on many studies that cannot be asked for, or went to another
    ├── StorageError         database or objects that cannot be read or written
    │   ├── StorageUnavailable   now: busy, down, full, read-only; may work later
    │   └── StorageDamaged       what is stored cannot be read
    └── NotFound             no such case, image or version

Every error has a stable `code` and a sentence a person can act on in Chinese and in English
(`messages/*.yaml`). Messages are filled only from `details`, and details hold plain technical
values: never a name, a patient ID or report text. A file's path may carry identity, so it is kept
apart in `file`, shown to whoever named the file and never logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


class RadraftError(Exception):
    """Base of all errors radraft raises on purpose.

    `code` must be a key in `messages/*.yaml`; `details` fill the message's `{placeholders}`.
    """

    def __init__(self, code: str, *, file: str | None = None, **details: str | int | float) -> None:
        self.code = code
        self.file = file
        self.details = details
        zh, en = message(code, details)
        self.message_zh = zh
        self.message_en = en
        super().__init__(f"{code}: {en}")

    def as_json(self) -> dict[str, Any]:
        """The form in which the command line and the HTTP interface answer an error."""
        return {
            "code": self.code,
            "message_en": self.message_en,
            "message_zh": self.message_zh,
            "file": self.file,
        }


class SettingsError(RadraftError):
    """Configuration that cannot work."""


class StudyRejected(RadraftError):
    """A file or a study that cannot be taken in."""


class EncodingError(RadraftError):
    """Pixels that the vision encoder cannot embed."""


class PromptError(RadraftError):
    """A template that does not fit its variables."""


class DraftingError(RadraftError):
    """vLLM is down, slow, cut off, or answered out of format."""


class ReportError(RadraftError):
    """An edit or a signature that is not allowed."""


class FollowupError(RadraftError):
    """A question that cannot be answered now."""


class EvalError(RadraftError):
    """Input that cannot be scored without guessing."""


class TrainingError(RadraftError):
    """A recipe, or data for one, that nothing can be trained from."""


class MessageError(RadraftError):
    """A message of another system (HL7) that cannot be read, or cannot be used as it stands."""


class AdapterError(RadraftError):
    """An adapter that may not serve, or a move that it cannot make."""


class SignInError(RadraftError):
    """Somebody who is not let in, or who may not do what he asks."""


class TokenError(RadraftError):
    """Another program that is not let in by its token, or a token that cannot be made."""


class BackupError(RadraftError):
    """A backup that cannot be made, or cannot be put back."""


class RetentionError(RadraftError):
    """A retention rule that cannot be set, or cannot be applied now."""


class ArchiveError(RadraftError):
    """Past reports that cannot be read in as they were named or described."""


class BackfillError(RadraftError):
    """Work on many old studies that cannot be asked for as it was, or that another process has."""


class StorageError(RadraftError):
    """The database or the objects cannot be read or written."""


class StorageUnavailable(StorageError):
    """They are busy, down, full or read-only: the same may work later."""


class StorageDamaged(StorageError):
    """What is stored cannot be read: a database, a row or an object."""


class NotFound(RadraftError):
    """No such case, image or version."""


def message(code: str, details: Mapping[str, str | int | float]) -> tuple[str, str]:
    """The (zh, en) sentences of `code`, filled with `details`. KeyError where either is missing."""
    entry = catalogue()[code]
    return entry["zh"].format(**details), entry["en"].format(**details)


def stored_message(code: str, details: Mapping[str, str | int | float]) -> tuple[str, str]:
    """Return the (zh, en) sentences of a `code` that was stored, whatever was stored with it.

    A detail that is missing is "…", and a code that this version does not know is named in the
    sentence of `code_unknown`: what was stored once must never keep a case from being opened.
    """
    entry = catalogue().get(code)
    if entry is None:
        return message("code_unknown", {"unknown": code})
    known = _Known(details)
    return entry["zh"].format_map(known), entry["en"].format_map(known)


class _Known(dict[str, "str | int | float"]):
    def __missing__(self, key: str) -> str:
        return "…"


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """All messages: `{code: {"zh": ..., "en": ...}}`."""
    import yaml

    entries: dict[str, dict[str, str]] = {}
    folder = files("radraft.core").joinpath("messages")
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.name.endswith(".yaml"):
            entries.update(yaml.safe_load(item.read_text(encoding="utf-8")))
    return entries
