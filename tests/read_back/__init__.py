"""Signed reports read back from every form that they leave in, each by a library that has no part
in writing it, and held against the report itself."""
