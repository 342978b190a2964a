"""Language models: what is served, what is asked of it, what comes back.

`profiles` says what a model is and covers; `server`, `launch` and `link` bring vLLM up and watch
it; `draft` is the step of the line, `support` the one after it, `followup` answers questions about
a signed report. `adapter` and `adapter_lifecycle` are an adapter's values and moves,
`adapter_loader` tells vLLM of them. `starter_model`, `checkpoint` and `pins` make the bundled
model.
"""
