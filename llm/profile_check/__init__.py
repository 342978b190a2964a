"""Whether a profile can be served on this machine, and what it lacks: without a GPU or a network.

`check.check` asks; `facts` reads what the base's own files say, `memory`, `prompt_length` and
`image_tokens` compute from it.
"""
