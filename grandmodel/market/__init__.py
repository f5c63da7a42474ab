"""What happened and when it was known: bars, instruments, calendars, readers, splits."""
