"""Files that are scored by what an endpoint may serve: asked for, worked on, ended. Governed as it is."""
