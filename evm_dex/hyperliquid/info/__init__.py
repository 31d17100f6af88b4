"""Answers of /info, each type declared once, in a file per subject."""
