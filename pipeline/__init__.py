"""How the steps of the line are joined.

`intake` and `ingest` take files to cases, `draft` a case to a draft, `draft_worker` drafts what
waits, `adapter_router` decides which adapter drafts, `shadow` drafts beside, `promotion` changes
what serves. `service` is what pages and commands call.
"""
