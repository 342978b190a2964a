"""Pages and the charts they share."""
