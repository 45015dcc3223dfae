"""Training on several machines, called nodes: their settings, where they meet, and torchrun on each of them.

The leader is the node whose training task follows the run. It is always rank 0: it holds the lock of the run directory
and writes status, statistics and checkpoints. All nodes read and write one run directory, on a shared file system.

May import what tasks/trainer may import.
"""
