"""The report: what it is, what may happen to it, what must not be signed.

`values` has the report and its signed form, `people` who writes and signs, `order` what was asked
for, `draft` what a model wrote, `assertion` what of it people stand for, `lifecycle` the moves,
`editing` and `sign` their rules, `check` and `characters` what blocks or warns, `codec` and
`schema` the stored forms of every version, `findings` the vocabulary and the reader of findings in
Chinese and English text, `edits` what a reader changed, `training_pair` what a signature teaches.
No SQL, no HTTP, no pages: those call these rules.
"""
