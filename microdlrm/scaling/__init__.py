"""Tables over several devices, chapter 10's tools: an annex."""
