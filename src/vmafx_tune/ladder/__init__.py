"""Ladder: which renditions an adaptive ladder holds for a title."""
