"""Find the cheapest encode that still looks right, measured with VMAF."""
