"""What the engine does on one GPU, measured in five minutes: `make bench-gpu`. Each part is a process with a limit.

Imports models and benchmarks.harness alone, and works with torch 2.11 and later.
"""
