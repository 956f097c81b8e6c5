"""The commands of `migrate`, one module each, and what they share."""
