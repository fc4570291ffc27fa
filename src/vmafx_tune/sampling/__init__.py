"""Parts of a long source: choosing them, probing them, and what they say of the whole."""
