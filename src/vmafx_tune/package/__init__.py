"""From saved ladders to a folder that plays: delivery encodes, packager, manifests."""
