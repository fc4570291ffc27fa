"""The charts of results: what each shows, described once for HTML, PNG and SVG."""
