"""What every room stands on: errors, settings, canonical hashes, locks, YAML files, run folders."""
