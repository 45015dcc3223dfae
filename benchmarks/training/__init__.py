"""Our training engine beside a plain PyTorch loop of the same networks, on the same shards."""
