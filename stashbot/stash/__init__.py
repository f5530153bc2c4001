"""Stash, the server with the pictures: what we ask it, and how."""
