"""Why a synthesis stops, each as one sentence for the person who started it.

CannotSynthesize
├── WrongConfiguration    an environment that does not exist, or a value it must not have
└── LayerUnavailable      the functions' dependencies are not built, and cannot be built now
"""


class CannotSynthesize(Exception):
    """The message is the whole answer: it names what is wrong and the next action."""


class WrongConfiguration(CannotSynthesize):
    pass


class LayerUnavailable(CannotSynthesize):
    pass
