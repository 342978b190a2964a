"""The rooms of the code, in the order in which they may import one another."""

ROOMS = (
    "core",
    "studies",
    "reports",
    "vision_encoder",
    "prompts",
    "llm",
    "exchange",
    "store",
    "pipeline",
    "eval",
    "finetune",
    "ui",
    "cli",
    "bench",
)
