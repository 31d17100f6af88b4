"""Pure rules: order book, matching, amounts, margin, funding, and the undo journal."""
