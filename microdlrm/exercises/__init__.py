"""The exercises: their checks, which judge with answers of their own, and the grading of whole submissions."""
