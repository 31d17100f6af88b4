"""A market that lives: seeded agents that trade around a price path, on HyperCore's books."""
