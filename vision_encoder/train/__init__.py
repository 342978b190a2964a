"""Trains the encoder: contrastive on image-sentence pairs together with finding labels."""
