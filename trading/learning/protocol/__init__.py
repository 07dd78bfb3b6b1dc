"""The evaluation protocol: everything that is asked of a model, as one immutable report, and the gate.

`run.run_protocol` makes the report; `gate.judge` is a pure function of it. What each part asks, and why, is
in docs/reference/learning.md.
"""
