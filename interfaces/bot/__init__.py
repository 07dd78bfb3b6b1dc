"""The Telegram bot: a queue that goes out under the limits, and commands that come in."""
