"""What people talk to: the command line now; dashboard and Telegram bot later."""
