"""Contract ABI: values, signatures, and methods and events declared once."""
