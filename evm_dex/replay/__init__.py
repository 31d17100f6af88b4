"""Order flow, made or recorded, sent through the exchange as transactions."""
