"""The steps by which this service's tables came to their form."""
