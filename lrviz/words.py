"""How numbers are said."""


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "region"), counted(12345, "region")
    ('1 region', '12,345 regions')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def chance(p_value: float) -> str:
    """The probability of something by chance.

    >>> chance(0.0072), chance(1e-5)
    ('p = 0.007', 'p < 0.001')
    """
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
