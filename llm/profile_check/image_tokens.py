"""How many tokens one key image takes in a model with a vision tower of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radraft.llm.profile_check.values import ModelFacts

LONGEST_SIDE = 2048
"""Pixels of a key image: `studies` makes none longer."""
QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
PROCESSORS = ("preprocessor_config.json", "processor_config.json")


def most(facts: ModelFacts) -> int | None:
    """Return the most tokens of an image, None where its kind of model is not known.

    As transformers' processors count them: Qwen's a token for each merged square of patches within
    the processor's most pixels, Gemma's a fixed number, InternVL's a fixed number for each tile and
    the thumbnail, LLaVA's a token a patch.
    """
    kind, vision = str(facts.config.get("model_type", "")), facts.config.get("vision_config")
    if facts.folder is None or not isinstance(vision, dict):
        return None
    processor = _processor(facts.folder)
    try:
        if kind in QWEN:
            return _qwen(vision, processor)
        if kind in {"gemma3", "gemma3n"}:
            return int(facts.config["mm_tokens_per_image"])
        if kind == "internvl":
            return int(facts.config["image_seq_length"]) * (
                int(processor.get("max_patches", 12)) + 1
            )
        if kind == "llava":
            return (int(vision["image_size"]) // int(vision["patch_size"])) ** 2
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return None


def _qwen(vision: dict[str, Any], processor: dict[str, Any]) -> int:
    square = int(vision["patch_size"]) * int(vision.get("spatial_merge_size", 2))
    size = processor.get("size")
    named = size.get("longest_edge") if isinstance(size, dict) else None
    # Of Qwen's processors `longest_edge` is a number of pixels, not a side.
    pixels = processor.get("max_pixels") or named
    # The processor makes each side the nearest multiple of a square.
    squares = round(LONGEST_SIDE / square) ** 2
    return squares if pixels is None else min(squares, int(pixels) // square**2)


def _processor(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in PROCESSORS:
        try:
            part = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(part, dict):
            inner = part.get("image_processor")
            found |= part | (inner if isinstance(inner, dict) else {})
    return found
