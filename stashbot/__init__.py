"""A Telegram bot that sends random pictures from a Stash library."""

__version__ = "0.1.0"
