"""Who calls, what they may do and how much they may hold: API keys, refusals and limits of listeners that strangers reach."""
