"""What a request may cost at most."""

from dataclasses import dataclass

from textgen.settings import MAX_LENGTH, Settings, check_number, option

# Most texts of one request, prompts times texts for each of them; and most that can be written at
# the same time.
MAX_TEXTS = 256
# Most log-probabilities of one request. Each of them takes about a hundred bytes.
MAX_LOGPROBS = 200_000
# Most characters at which log-probabilities are given, as clients expect it.
MAX_TOP = 20
# Most bytes of the first line and the headers of a request.
MAX_HEAD_BYTES = 32 * 1024
# Most connections that are open at the same time.
MAX_CONNECTIONS = 4096
# Seconds in which the head of a request, and then its body, must arrive.
HEAD_SECONDS, BODY_SECONDS = 20.0, 30.0
# Seconds for which a client may take nothing of its answer.
STALL_SECONDS = 30.0
# Largest whole number that a setting of a limit takes.
MOST = 10**12


@dataclass(frozen=True, kw_only=True)
class Limits(Settings):
    """What a request may cost at most.

    Attributes:
        max_body: largest body of a request, in bytes.
        max_prompt: longest prompt, in characters.
        max_length: most characters that one text may have.
        max_seconds: longest time for one request, in seconds. What was written until then is the
            answer.
        max_running: most texts that are written at the same time.
        max_waiting: most texts that wait for their turn; further ones are refused.
    """

    max_body: int = option("Largest body of a request, in bytes.", 2 * 1024 * 1024)
    max_prompt: int = option("Longest prompt, in characters.", 100_000)
    max_length: int = option("Most characters that one text may have.", 20_000)
    max_seconds: float = option(
        "Longest time for one request; what was written until then is the answer.", 300.0
    )
    max_running: int = option("Most texts that are written at the same time.", 256)
    max_waiting: int = option(
        "Most texts that wait for their turn; a request for more is refused and told when to try "
        "again.",
        1024,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("max_body", self.max_body, 1, MOST, whole=True)
        check_number("max_prompt", self.max_prompt, 1, MAX_LENGTH, whole=True)
        check_number("max_length", self.max_length, 1, MAX_LENGTH, whole=True)
        check_number("max_seconds", self.max_seconds, 0, MOST, open_low=True)
        check_number("max_running", self.max_running, 1, MAX_TEXTS, whole=True)
        check_number("max_waiting", self.max_waiting, 0, MOST, whole=True)
