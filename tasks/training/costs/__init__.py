"""Estimates of what a training and the evaluation after it will cost, from trials. They import no Prefect or MLflow."""
