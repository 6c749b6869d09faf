"""The versioned corpus of the docs-qa chain: its passages, their digest and their index."""
