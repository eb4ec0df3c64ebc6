"""Families of networks, a folder each: genes, closed forms, the network, what latency times, a picture."""
