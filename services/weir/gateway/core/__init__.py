"""Pure parts of the gateway: calls, capture records, routing, limits."""
