"""Answers to questions on a signed report, by rules over its sentences."""
