"""What a contract can do on the exchange, with no EVM, store or clock in it."""
