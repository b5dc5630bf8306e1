"""Tells people and programs: one module per kind of receiver, each a ``Sender``. Knows nothing of what it tells.

A message that was not taken raises; whoever sends it decides what becomes of it. Addresses of receivers never reach a log.
"""
