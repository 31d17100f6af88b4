"""Compiling the code of contracts that is run often to Python functions, one per hot trace.

`program.py` remembers what is compiled of which code; `builder.py` follows code and writes a trace.
"""
