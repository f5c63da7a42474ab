"""What a team is compared with on any bars."""
