"""Results as self-contained HTML pages, with charts, that need no network."""
