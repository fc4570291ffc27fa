"""A saved result against a baseline, or against bounds."""
