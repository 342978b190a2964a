"""Training pairs from signed reports."""
