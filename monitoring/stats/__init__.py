"""Numbers in, numbers out; no Django, no clock."""
