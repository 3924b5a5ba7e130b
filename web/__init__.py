"""The edges: HTTP, WebSocket, receivers and the page. May import `journal`, never `actors`."""
