"""microDLRM: how recommendation models work, and why they are slow."""

import warnings

# tqdm, which pooch imports, asks for ipywidgets; its bars are text here, and need none.
warnings.filterwarnings("ignore", message="IProgress not found")
