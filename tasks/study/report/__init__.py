"""How a study is told: the page, its charts and tables, and the sentence of advice."""

__all__ = ["advice", "page", "rate_charts", "tables"]
