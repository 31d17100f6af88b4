"""The order history over HTTP and WebSocket."""
