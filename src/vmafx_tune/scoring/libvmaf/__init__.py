"""libvmaf through ctypes: loaded on first use, fed with pictures from memory."""
