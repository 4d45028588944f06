"""From the user's own arrays to views."""
