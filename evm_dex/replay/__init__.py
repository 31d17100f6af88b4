"""Order flow, generated or recorded, sent to the exchange as transactions."""
