"""The one loop from a team and a tape to decisions and equity, and its faster ways."""
