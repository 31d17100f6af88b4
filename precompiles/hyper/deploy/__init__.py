"""What users list and run on HyperCore: tokens, pairs, dexs and validators."""
