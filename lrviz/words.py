"""How numbers are said."""


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "region"), counted(12345, "region")
    ('1 region', '12,345 regions')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time that something takes, roughly.

    >>> duration(0.034), duration(12.3), duration(1500), duration(9000), duration(7e9)
    ('0.034 s', '12 s', '25 min', '2.5 h', '1,900,000 h')
    """
    for unit, size in (("s", 1.0), ("min", 60.0), ("h", 3600.0)):
        value = float(f"{seconds / size:.2g}")
        if value < 120 or unit == "h":
            break
    return f"{value:,.0f} {unit}" if value >= 10 else f"{value:g} {unit}"


def chance(p_value: float) -> str:
    """The probability of something by chance.

    >>> chance(0.0072), chance(1e-5)
    ('p = 0.007', 'p < 0.001')
    """
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
