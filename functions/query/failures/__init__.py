"""Failures of commands and their fixes."""
