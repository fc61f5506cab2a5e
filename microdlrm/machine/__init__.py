"""What a model costs, on paper and by the clock: an annex that the core does without."""
