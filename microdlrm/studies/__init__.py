"""Long measurements that the book shows: an annex. `load(name)` is what a page reads."""

from microdlrm.studies.store import load as load
