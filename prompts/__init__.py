"""Prompt and report templates as data, and the builder that fills them."""
