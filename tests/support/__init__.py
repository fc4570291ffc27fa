"""Synthetic media whose right answer is known by construction, and other help for tests."""
