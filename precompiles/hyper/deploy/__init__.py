"""Listings by users of HyperCore: tokens, pairs, dexs and validators."""
