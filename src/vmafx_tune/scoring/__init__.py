"""VMAF models and the backends that compute scores with them."""
