"""The page that shows whether it gets better."""
