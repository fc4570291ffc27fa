"""The command line: options in, one rendered result out."""
