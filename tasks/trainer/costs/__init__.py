"""What a training takes: its recorded history, where its time went, and its GPU hours, energy and price.

Imports neither torch, Prefect nor MLflow: `shardgan list` and `show` read these files too.
"""
