"""Output for people: the console and its tables."""
