"""What every room stands on; nothing of radiology.

Start at `errors` (the one exception tree, and where its messages lie) and `settings` (what the
environment may set). `canonical` gives the hashes that anyone can recompute, `yaml_files` reads
strict values from YAML, `locks` keeps processes apart, `run_folder` is what every training run
has.
"""
