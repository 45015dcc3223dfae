"""`python -m benchmarks.loading`: shuffled training batches from our reader and from others, in turns."""
