"""A teacher's annex: whole submissions judged by the checks, the exercise as an assignment."""
