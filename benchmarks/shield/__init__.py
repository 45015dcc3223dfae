"""The shield measured: what poison gets through the gate, and which forgeries the head tells."""
