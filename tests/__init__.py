"""Tests, in folders that mirror the rooms of `lrviz`; what they share stands here."""
