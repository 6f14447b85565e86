"""Evaluation in parallel over time: associative scans of linear recurrences, Newton iterations of any other."""
