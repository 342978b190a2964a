"""The proofreader: what must not be signed, and what a reader should look at again. One module a
family of checks; `run` reads a report once and asks each check."""
