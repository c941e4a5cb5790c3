"""Reads what is to be compared: run folders, and other people's reports."""
