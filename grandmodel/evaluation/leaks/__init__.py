"""The leak audit: does any value, fill or reward know more than its time allows."""
