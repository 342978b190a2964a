"""What clinicians ask of signed reports, and what these leave unanswered, in numbers."""
