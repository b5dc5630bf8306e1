"""Benchmarks on generated clients: nothing here is shipped, and what is measured is what is shipped."""
