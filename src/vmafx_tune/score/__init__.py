"""Score: how close a distorted clip is to its reference."""
