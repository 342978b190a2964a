"""A profile of its own encoder and language model, its pairs embedded and its base built."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radraft.finetune.train import dataset, ground
from radraft.finetune.train.embedding import embed
from radraft.finetune.train.recipe import LanguageRecipe
from radraft.finetune.train.run import Pairs
from radraft.finetune.train.text import Tokenizer
from radraft.llm.profiles import Profile, load_profile
from radraft.vision_encoder.encode import Encoder
from tests import embeds_model


@dataclass(frozen=True)
class Own:
    """A profile of its own parts, its pairs embedded, its base built."""

    path: Path
    profile: Profile
    pairs: Path
    base: ground.Ground
    cache: Path

    def material(self) -> Pairs:
        found = dataset.read(self.pairs)
        tokenizer = Tokenizer(
            self.base.checkpoint, self.base.image_token, self.base.tokens_per_image
        )
        encoded = [
            [tokenizer.encode(example) for example in examples]
            for examples in (found.train, found.held_out)
        ]
        return Pairs(*encoded, found.tokens, tokenizer.image_id, self.base.parts)


def build(folder: Path) -> Own:
    """Build all of it in `folder`."""
    path = embeds_model.build_all(folder / "model")
    profile, cache = load_profile(str(path)), folder / "cache"
    base = ground.build(profile, cache, lambda step, part: None)
    pairs = embeds_model.write_pairs(folder / "pairs", profile.template)
    count = embed(pairs, Encoder.of(profile.encoder), folder / "embedded", lambda far: None)
    assert (count.done, count.own) == (embeds_model.PAIRS, embeds_model.PAIRS)
    assert count.total == embeds_model.PAIRS
    return Own(path, profile, folder / "embedded", base, cache)


def language_recipe(profile: Profile, **changes: Any) -> LanguageRecipe:
    usual = {
        "steps": 140,
        "batch": 20,
        "micro_batch": 20,
        "warm_up": 5,
        "learning_rate": 0.03,
        "projector_rate": 0.05,
        "valid_every": 70,
        "checkpoint_every": 1000,
        "precision": "fp32",
        "lora": {"rank": 16, "alpha": 64},
    }
    recipe = LanguageRecipe.model_validate_json(json.dumps(usual | changes))
    return recipe.over(profile.lora_targets)
