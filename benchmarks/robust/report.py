"""Not there yet."""


def write_report() -> None:
    """Nothing yet."""
