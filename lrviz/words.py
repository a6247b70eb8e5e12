"""How numbers are said."""


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "region"), counted(12345, "region")
    ('1 region', '12,345 regions')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
