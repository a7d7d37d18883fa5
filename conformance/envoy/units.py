"""Durations and shares as texts with units, in seconds and in 0..1."""
import re

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text):
    """`1m30s` as 90.0; a bare number is refused, as Istio and brownout refuse it."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)", str(text))
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ValueError(f"not a duration: {text!r}")
    return sum(float(n) * _SECONDS[u] for n, u in parts)


def proto(text):
    """A duration as protobuf's JSON wants it: seconds with the suffix `s`."""
    return f"{seconds(text):.9f}".rstrip("0").rstrip(".") + "s"


def share(value):
    """`30%` as 0.3."""
    if isinstance(value, str) and value.endswith("%"):
        return float(value[:-1]) / 100
    raise ValueError(f"not a share: {value!r}")
