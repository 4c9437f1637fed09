"""A year of a stream in minutes: what is throttled, how far behind readers fall, and what it costs,
for every way to choose the number of shards.

`traffic` what comes · `shards` where it goes · `policies` who changes that · `simulator` the year
"""
