"""Decides whether a study can be drafted from, and says what to correct at the scanner."""

from radraft.studies.quality.check import check as check
