"""Servers built with the toolkit, written the way a user of it would write them."""
