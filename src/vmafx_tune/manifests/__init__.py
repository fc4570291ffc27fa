"""Manifests that make a ladder playable: an HLS multivariant playlist and a DASH MPD.

Both describe the same files, which `packaging` names and shows how to make.
"""
