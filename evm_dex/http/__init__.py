"""Rules shared by all HTTP ports."""
