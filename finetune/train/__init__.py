"""Step of the line: training pairs -> LoRA adapter and projector."""
