"""The open_clip image encoder and the projector into the language model."""
