"""Values that blocks are made of, and their encodings: headers, transactions, receipts."""
