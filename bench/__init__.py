"""Benchmarks, the starter's card and the rehearsal of the flywheel. Not in the wheel."""
