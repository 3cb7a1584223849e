"""The smallest server that the builder makes: one kind, in memory."""
