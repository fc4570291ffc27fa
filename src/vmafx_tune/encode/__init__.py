"""`encode`: a search whose answer is delivered, with the other streams of its source."""
