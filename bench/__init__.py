"""Benchmarks, the starter's card and the rehearsal of the flywheel; not in the wheel.

Each module is run as `python -m radraft.bench.NAME`; the Makefile has the usual ones.
"""
