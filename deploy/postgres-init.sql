-- The image makes `prefect` (POSTGRES_DB) by itself.
CREATE DATABASE mlflow;
