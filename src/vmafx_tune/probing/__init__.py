"""Probes: an encode and its score made into one measured point."""
