"""Networks, losses, the training loop and metrics, in rooms: tests/test_floors.py lists which may import which.

May import neither Prefect nor MLflow, nor shards: images come in as arrays.
"""
