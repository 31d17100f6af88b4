"""The order log: every change of every order, recorded with the block that made it."""
