"""The demo: three invented clients with their ERPs, suppliers and shops on this machine, driven through the Dagster daemon."""
