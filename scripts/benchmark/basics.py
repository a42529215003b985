"""What every part of the benchmark needs."""

import sys

BODY = b'{"message":"hello, plugin","n":12345,"ok":true  }'
assert len(BODY) == 49


class BenchError(Exception):
    """A measurement that would not mean anything; ends the run."""


def note(text):
    print(text, file=sys.stderr, flush=True)
