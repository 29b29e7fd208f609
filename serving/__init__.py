"""The data plane: what runs a model and what is said between it and the web side. Imports no other package of ours."""
