"""Products, prices and stock from merchants' ERPs to every sales channel, and each channel order back as one document."""

__version__ = "0.1.0"
