"""The commands' work: they return results, emit events, and never print or exit."""
