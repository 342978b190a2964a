"""Prompts: templates as data, and the builder that fills them.

`build` is the step of the line: a de-identified study, its images or embedding and its priors to
one `DraftRequest` under a hash. `templates/` holds the texts.
"""
