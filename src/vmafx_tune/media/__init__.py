"""Finding ffmpeg, running it, probing sources and decoding frames."""
