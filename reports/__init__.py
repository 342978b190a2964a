"""The report: what it is, what may happen to it, what must not be signed.

`values` has the report and its signed form, `draft` what a model wrote, `lifecycle` the moves,
`editing` and `sign` their rules, `check` what blocks or warns, `findings` the vocabulary and the
reader of findings in Chinese and English text, `edits` what a reader changed, `training_pair` what
a signature teaches. No SQL, no HTTP, no pages: those call these rules.
"""
