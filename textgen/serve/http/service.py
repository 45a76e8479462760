"""What the server knows: the served runs, what may be asked, and the page."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textgen.serve.http.errors import RefusedError
from textgen.serve.http.filler import Filler, Gap
from textgen.serve.http.limits import Limits
from textgen.serve.http.texts import Pace

if TYPE_CHECKING:  # these import JAX
    from textgen.serve.scheduler import Scheduler
    from textgen.serve.served_model import ServedModel


@dataclass(frozen=True, kw_only=True)
class Service:
    """The served runs and what goes with them.

    Attributes:
        scheduler: what writes with the runs that read forward.
        fillers: the runs that read in both directions, by id.
        limits: what a request may cost.
        pace: how often parts of a text are sent.
        make_page: makes the page of a run, given its id; None if there are no pages.
    """

    scheduler: "Scheduler"
    fillers: Mapping[str, Filler] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    make_page: Callable[[str], bytes] | None = None
    _pages: dict[tuple[str, int], "asyncio.Future[bytes]"] = field(default_factory=dict)
    # One gap is filled at a time.
    _filling: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def names(self) -> list[str]:
        """Ids of all served runs."""
        return [*self.scheduler.models, *self.fillers]

    def find(self, name: str | None) -> "ServedModel | Filler":
        """Return a served run. It need not be named if it is the only one.

        Raises:
            RefusedError: if it is not served.
        """
        names = self.names
        if name is None and len(names) == 1:
            (name,) = names
        served: ServedModel | Filler | None = None
        if name is not None:
            served = self.scheduler.models.get(name) or self.fillers.get(name)
        if served is not None:
            return served
        what = "name a model" if name is None else f"the model {name!r} is not served"
        raise RefusedError(
            f"{what}; served: {', '.join(names)}",
            status=400 if name is None else 404,
            param="model",
            code=None if name is None else "model_not_found",
        )

    def find_forward(self, name: str | None) -> "ServedModel":
        """Return a served run that reads forward.

        Raises:
            RefusedError: if it is not served, or reads in both directions.
        """
        found = self.find(name)
        if isinstance(found, Filler):
            raise RefusedError(
                f"the run {found.name!r} reads in both directions, which serves /v1/completions "
                "with suffix alone",
                param="model",
            )
        return found

    async def fill(self, filler: Filler, gaps: list[Gap]) -> list[list[str]]:
        """Fill gaps, without holding up other requests."""
        async with self._filling:
            return [await asyncio.to_thread(filler.fill, gap) for gap in gaps]

    async def page(self, model: "ServedModel") -> bytes:
        """Return the page of a run, which is made once for each of its checkpoints.

        Raises:
            TextgenError: if it cannot be made.
        """
        assert self.make_page is not None
        key = (model.name, model.step)
        if key not in self._pages:
            making = asyncio.to_thread(self.make_page, model.name)
            for older in [one for one in self._pages if one[0] == model.name]:
                del self._pages[older]
            self._pages[key] = asyncio.ensure_future(making)
        try:
            return await asyncio.shield(self._pages[key])
        except Exception:
            self._pages.pop(key, None)
            raise
