"""Reading back what `documents` writes, by whomever it was written."""
