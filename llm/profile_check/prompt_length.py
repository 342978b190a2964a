"""How long a profile's longest prompt is, in the base's own tokens where they can be counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radraft.prompts.build import MAX_PRIOR_CHARS
from radraft.prompts.clean import MAX_CHARS
from radraft.prompts.templates import Template
from radraft.prompts.values import Looked, TextPart

CHAT_TOKENS = 64
"""Allowance for the roles that a chat template writes around messages."""
LETTERS_A_TOKEN = 3
"""Of Latin text, on the safe side; a Chinese character is counted as one token."""


@dataclass(frozen=True)
class PromptLength:
    """Tokens of text in the longest prompt."""

    tokens: int
    counted: bool
    """Whether the base's tokenizer counted them; else they are estimated from the characters."""


def longest(template: Template, priors: int, images: int, folder: Path | None) -> PromptLength:
    """Return the length of `template` filled with as much text as it takes, `priors` earlier
    studies and `images` key images; `folder` holds the tokenizer."""
    text = _text(template, priors, images)
    counted = _counted(text, folder)
    if counted is None:
        return PromptLength(_estimated(text) + CHAT_TOKENS, counted=False)
    return PromptLength(counted + CHAT_TOKENS, counted=True)


def _text(template: Template, priors: int, images: int) -> str:
    long = {
        "modality": "DX",
        "body_part": "CHEST " * 5,
        "view": "frontal",
        "age_band": "80-89",
        "sex": "female",
        "history": "咳" * MAX_CHARS,
        "images": images,
        "priors": priors,
        "looked": (Looked.FOUND if priors else Looked.NONE).value,
    }
    values: dict[str, object] = {k: v for k, v in long.items() if k in template.spec.variables}
    said = {
        f"{name}_{lang}": "影" * MAX_PRIOR_CHARS
        for name in ("findings", "impression")
        for lang in ("zh", "en")
    }
    about = {"number": 1, "days": 365, "modality": "DX", "body_part": "CHEST", "view": "frontal"}
    told: dict[str, object] = {**about, **said, "images": 1}
    messages = template.fill(values, images, [(told, 0)] * priors)
    return "\n".join(
        part.text for message in messages for part in message.parts if isinstance(part, TextPart)
    )


def _counted(text: str, folder: Path | None) -> int | None:
    if folder is None or not (folder / "tokenizer.json").is_file():
        return None
    try:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except ImportError:
        return None
    except Exception:  # noqa: BLE001 - the library raises nothing narrower for a file it cannot read
        return None
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def _estimated(text: str) -> int:
    wide = sum(ord(char) > 0x2E7F for char in text)
    return wide + (len(text) - wide) // LETTERS_A_TOKEN
