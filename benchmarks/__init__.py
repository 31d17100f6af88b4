"""Costs of operations, each against a floor that is measured in the same run."""
