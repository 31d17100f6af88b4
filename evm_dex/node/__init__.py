"""The node: the chain as other programs know chains, over JSON-RPC by HTTP and WebSocket.

Import from the modules themselves; importing this package loads nothing.
"""
