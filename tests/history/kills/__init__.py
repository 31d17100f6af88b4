"""Kills of engine, history service and its database's server, and an independent recount."""
