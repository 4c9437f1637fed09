"""The fault matrix: what goes wrong, alone and in pairs, and that nothing is lost by it.

    make faults                    every fault alone and in pairs, 200 runs and more
    make faults SEED=17            one run again
    pytest tests/faults            the short form

A run puts its own events on a deployed pipeline while faults are injected, lets everything settle,
redrives what failed, and compares: the lake against the input, the alerts against the input, and
what the audit says against both. Nothing of it knows what the pipeline does inside.
"""
