"""Is it getting better? What readers do to drafts, by site, week and adapter."""
