"""One command for many sources: what there is to do, what is done, and what was learned."""
