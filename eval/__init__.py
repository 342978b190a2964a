"""Metrics over drafts and signed reports."""
