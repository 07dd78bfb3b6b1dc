"""What the venue does wrong during a drill: rules of the embedded exchange's fault plan."""

from interfaces.drill.venue import Rule

_SLOW = {"distribution": "lognormal", "median_ms": 15, "sigma": 0.9, "cap_ms": 900}

# Everything that makes an order's fate unclear or its record wrong; each rare enough that trade goes on.
EVERYTHING: tuple[Rule, ...] = (
    {"kind": "delay", "route": "*", "probability": 0.3, "delay": _SLOW},
    {"kind": "timeout_after", "route": "POST order", "probability": 0.03, "hold_s": 4},
    {"kind": "timeout_before", "route": "POST order", "probability": 0.02, "hold_s": 4},
    {"kind": "drop_after", "route": "POST order", "probability": 0.04},
    {"kind": "drop_before", "route": "*", "probability": 0.02},
    {"kind": "error", "route": "POST order", "status": 503, "code": 503, "probability": 0.03},
    {"kind": "rate_limit", "route": "POST order", "retry_after_s": 0, "probability": 0.01},
    {"kind": "truncated", "route": "POST order", "probability": 0.02},
    {"kind": "broken_body", "route": "GET {order,myTrades,account}", "probability": 0.02},
    {"kind": "not_found", "probability": 0.1, "for_s": 1},
    {"kind": "partial_fill", "probability": 0.2, "share": 0.5},
    {"kind": "late_fills", "probability": 0.2, "lag_s": 60},
    {"kind": "duplicated_fills", "probability": 0.2},
    {"kind": "status_backwards", "probability": 0.05},
)
