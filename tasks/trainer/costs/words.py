"""Durations, energy and prices as a person reads them."""

HOUR = 3600.0


def in_words(seconds: float) -> str:
    """Format a duration for people: 42 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def energy_words(kwh: float) -> str:
    """Format an energy for people: 0.42 Wh, 3.1 kWh, 240 kWh."""
    return f"{kwh * 1000:.2g} Wh" if kwh < 0.1 else f"{kwh:.0f} kWh" if kwh >= 100 else f"{kwh:.2g} kWh"


def price_words(price: float, currency: str) -> str:
    """Format a price for people. A price below one hundredth keeps two digits: 12.40 EUR, 0.0031 EUR."""
    return f"{price:.2f} {currency}" if price >= 0.01 or price == 0 else f"{price:.2g} {currency}"


def gpu_hour_words(hours: float) -> str:
    """Format GPU hours for people: 0.42 GPU hours, 67 GPU hours."""
    return f"{hours:.2g} GPU hours" if hours < 10 else f"{hours:,.0f} GPU hours"
