"""Figures for Prometheus: what Prefect, MLflow, runs, datasets and GPUs say, on one guarded page.

It asks the servers over HTTP and imports neither Prefect, MLflow nor torch.
"""
