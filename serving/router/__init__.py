"""Envoy as the router: what it is told, in files renamed into place; what it says, over its administration socket."""
