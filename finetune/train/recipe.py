"""How a language model is tuned, as data: the `language` part of a training recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radraft.core.yaml_files import Strict


class Lora(Strict):
    """Low-rank adaptation (Hu et al. 2021)."""

    rank: int = Field(default=16, ge=1, le=256)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )

    def over(self, targets: tuple[str, ...] | None) -> Lora:
        """The same, changing the linear layers `targets` where there are some."""
        return self if targets is None else self.model_copy(update={"targets": targets})


class LanguageRecipe(Strict):
    """How adapter and projector are trained together."""

    objective: Literal["sft", "dpo"] = "sft"
    """`sft`: write the signed report. `dpo`: prefer it over the draft (Rafailov et al. 2023)."""
    beta: float = Field(default=0.1, gt=0)
    """DPO's temperature: how far the model may move from the one it starts as."""
    sft: float = Field(default=0.0, ge=0)
    """Weight of the signed reports' own loss beside DPO's (Pang et al. 2024, equation 1): a model
    that only prefers them may write them less often."""
    lora: Lora = Lora()
    batch: int = Field(default=8, ge=1)
    """Pairs that one optimiser step sees."""
    micro_batch: int = Field(default=8, ge=1)
    """Pairs that go through the model at once; the rest of a batch is accumulated."""
    steps: int = Field(ge=1)
    warm_up: int = Field(default=20, ge=0)
    learning_rate: float = Field(default=5e-4, gt=0)
    projector_rate: float = Field(default=1e-3, ge=0)
    """0 leaves the projector as it is."""
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of a step's gradient."""
    valid_every: int = Field(default=50, ge=1)
    valid_pairs: int = Field(default=64, ge=1)
    """Most pairs that a validation looks at."""
    patience: int = Field(default=4, ge=1)
    """Validations without a lower loss after which training ends."""
    checkpoint_every: int = Field(default=25, ge=1)
    words: int = Field(default=0, ge=0)
    """Words drawn for each step's softmax beside those that reports use; 0 takes all. For a small
    model with a large vocabulary the output layer is half of the work. Validation takes all."""
    longest: int = Field(default=1024, ge=64)
    """Most tokens of prompt and report; longer pairs are left out and counted."""
    precision: Literal["bf16", "fp32"] = "bf16"

    def over(self, targets: tuple[str, ...] | None) -> LanguageRecipe:
        """The same, changing the linear layers `targets` of a profile where it names some."""
        return self.model_copy(update={"lora": self.lora.over(targets)})
