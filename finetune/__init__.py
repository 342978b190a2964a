"""From signed reports to an adapter that may serve.

`selection` decides what may be learnt from, `adapt` trains, `gate` holds the candidate against
what serves, `export` writes pairs for other tools, `trend` counts what became of it. `train` and
`starter` make the bundled model.
"""
