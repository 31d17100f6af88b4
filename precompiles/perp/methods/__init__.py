"""IPerp as contracts call it, by subject: each method declared once, decoded, done, and logged."""
