"""The JSON document of `ladder`: pydantic models, and what fills them from a result."""
