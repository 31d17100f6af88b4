"""Tracers by name: what each is asked for, what it has to see, and how it writes that down.

Names, options and shapes are go-ethereum's (eth/tracers); calls of known contracts are decoded.
"""
