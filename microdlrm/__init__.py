"""microDLRM: how recommendation models work, and why they are slow."""

import warnings

from microdlrm.model import MicroDLRM, concat_interaction, dot_interaction

__all__ = ["MicroDLRM", "concat_interaction", "dot_interaction"]

# tqdm, which pooch imports, asks for ipywidgets; its bars are text here, and need none.
warnings.filterwarnings("ignore", message="IProgress not found")
