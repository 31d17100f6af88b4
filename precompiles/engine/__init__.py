"""Pure rules: the order book, matching, amounts, and the journal that undoes changes."""
