"""microDLRM: how recommendation models work, and why they are slow."""
