"""Compare: encoders ranked by the bitrate that each needs for the same quality."""
