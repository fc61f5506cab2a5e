"""What meets you in the first week of work, chapter 9's tools: an annex."""
