"""How a run ends that was asked for what is not there."""

from typing import Any

from prefect.client.schemas.objects import State
from prefect.runtime import deployment as this_deployment
from prefect.states import Cancelled

from transforms.errors import ChoiceError


def refused_or_raise(error: ChoiceError) -> State[Any]:
    """Return the state of a run whose form let pass what cannot be used; raise ``error`` for a command line.

    It is cancelled: nothing of the system has failed, and the health is none the worse for it.
    """
    if this_deployment.id is None:
        raise error
    return Cancelled(message=f"What was asked for cannot be used. {error}")
