"""What one rate limit allows a whole fleet, in simulated time: no venue, no orders, seconds of CPU.

`line` is the limiter in virtual time, `scenes` the situations, `fleet` what both assume.
"""
