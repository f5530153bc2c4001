"""Stand-ins for Telegram and Stash on this machine alone, and a page to chat in.

They are the demo that a person sees and the bench that the tests use. They speak
HTTP and JSON and import nothing of ours above the models, so that a wrong belief
of the bot about Telegram or Stash is not repeated here.
"""
