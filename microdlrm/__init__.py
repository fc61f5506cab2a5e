"""microDLRM: how recommendation models work, and why they are slow."""

from microdlrm.model import MicroDLRM, concat_interaction, dot_interaction

__all__ = ["MicroDLRM", "concat_interaction", "dot_interaction"]
