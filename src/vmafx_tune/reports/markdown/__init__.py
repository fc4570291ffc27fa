"""Results as Markdown (GitHub's flavour), to paste into an issue or a wiki."""
