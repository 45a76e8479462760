"""JSON in an answer, in ASCII."""

import json
from typing import Any

from starlette.responses import JSONResponse


class JsonReply(JSONResponse):
    """JSON in an answer. It is ASCII, since a text may hold half of a surrogate pair."""

    def render(self, content: Any) -> bytes:
        """Return the content as bytes."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
