"""A base's chat template and the token that stands for an image, read without building anything."""

from __future__ import annotations

import json
from pathlib import Path

from radraft.core.errors import SettingsError
from radraft.llm.text_base import IMAGE_TOKENS

TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")


def require_template(folder: Path) -> None:
    """Raise SettingsError `base_without_chat_template` where the model in `folder` has none."""
    if any((folder / name).is_file() for name in TEMPLATE_FILES):
        return
    about = _json(folder / "tokenizer_config.json")
    if not about.get("chat_template"):
        raise SettingsError("base_without_chat_template", path=str(folder))


def image_token(folder: Path, wanted: str | None) -> str:
    """Return the token of the vocabulary that stands for an image.

    SettingsError `base_image_token_missing`; `checkpoint_incomplete` without a vocabulary.
    """
    if not (folder / "tokenizer.json").is_file():
        raise SettingsError("checkpoint_incomplete", path=str(folder), missing="tokenizer.json")
    about = _json(folder / "tokenizer.json")
    model, added = about.get("model"), about.get("added_tokens")
    known = set(model.get("vocab", ())) if isinstance(model, dict) else set()
    if isinstance(added, list):
        known |= {token.get("content") for token in added if isinstance(token, dict)}
    for token in (wanted,) if wanted else IMAGE_TOKENS:
        if token in known:
            return token
    raise SettingsError("base_image_token_missing", path=str(folder))


def _json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
