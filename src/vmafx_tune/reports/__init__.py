"""Results as JSON, tables, Markdown and CSV."""
