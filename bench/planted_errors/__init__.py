"""Plants one error into each of many reports, by a seed, to measure the proofreader on."""
