"""Dagster, and nothing else: assets, checks, jobs, sensors and schedules that call one function each and show what came of it.

What may not go here: a rule of the trade, a query, a decision about what is due. Those are in ``catalogue``, ``orders``,
``cycle`` and ``storage``; Dagster's runs, cursors and run keys only save work. No module here postpones its annotations
(Dagster issues 16972, 26837), and none imports pandas or a driver at its top, for every run pays for it.
"""
