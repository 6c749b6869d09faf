"""What the registry decides: which definitions are valid, what an apply changes, which schemas are compatible.

Pure: the state of the store comes in as an inventory, changes and problems go out.
"""
