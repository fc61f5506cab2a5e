"""Every figure that the book draws, one function each: an annex with one file a chapter.

A function returns what a notebook shows as a cell's last line.
"""
