"""Shots: settings of their own for the parts of a film between two cuts."""
