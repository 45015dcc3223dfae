"""What a training takes: its recorded history, where its time went, and its GPU hours, energy and price.

Imports neither Prefect nor MLflow, and only processor.py and expense.py import torch: `shardgan list` and `show` use
the others.
"""
