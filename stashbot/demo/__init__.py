"""Local stand-ins for Telegram and Stash, and a chat page for a browser.

The demo and the tests use them. They speak HTTP and JSON. They import nothing of the bot
above the models, so that they do not share its wrong beliefs about Telegram and Stash.
"""
