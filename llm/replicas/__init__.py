"""Several vLLMs that serve one base model. `router` knows which of them can be asked and chooses,
`look` asks one how it is, `drained` keeps which of them an administrator took out."""
