"""The page of an evaluation's result."""
