"""Past reports that were written elsewhere: what they are, read from each form, and joined."""
