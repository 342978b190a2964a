"""The database is the only truth; pixels and embeddings lie in object storage.

One module per aggregate: `cases`, `drafts`, `reports`, `signatures`, `pairs`, `adapters`,
`priors`, `quality`, `arrivals`. `database` opens a store, `migrations` brings an older one up to
date, `objects` keeps bytes. Rules of lifecycles are called here and live in `reports` and `llm`.
"""
