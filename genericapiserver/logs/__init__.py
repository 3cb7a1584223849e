"""The log: lines, their levels, and which request they belong to.

Imports nothing of the library, so that every room can log and every line can be told apart.
"""
