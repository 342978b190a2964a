"""Evaluation: metrics over drafts and signed reports, and the harness that drafts a set.

`run` and `score` are what `radraft eval` calls; `text` and `clinical` score, `looks` asks whether
a model looks at its image, `compare` holds two results against each other.
"""
