"""Imported before children are forked: the proofreader's words are read, which takes a process of
its own two seconds."""

from __future__ import annotations

from radraft.reports.checks.reading import forget
from radraft.reports.checks.run import proofread
from radraft.reports.values import Origin, Report, Sentence, both

proofread(
    Report("c-1", (Sentence("f1", both("双肺清晰。", "The lungs are clear.", Origin.PERSON)),), ())
)
forget()
