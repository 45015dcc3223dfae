"""What a computation takes: time by kind of work, how busy the GPUs are, their memory and power, energy, peak FLOP/s.

Needs no GPU and no driver: where there is none, nothing is measured. Only flops.py imports torch.
"""
