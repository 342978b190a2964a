"""Questions about signed reports: how often an engine answers them rightly, and how it fails.

`run` asks, `score` judges one answer, `tally` counts. `engine` alone knows what answers.
"""
