"""HTML pages and charts from plain values, and text made safe for a terminal or Markdown.

May import models and shards only: neither Prefect nor MLflow, nor another room of tasks.
"""

__all__ = ["figures", "live", "pictures", "printable", "report"]
