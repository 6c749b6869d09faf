"""The channels: each file is one number that a text has, and what that number was on the reference.

Adding one: a file here with a class that keeps the `channel.Channel` protocol, and its name in `CHANNELS`. Its scores
must be drawn alike for reference and later events (leave the scored text out of what scores it), or the smallest bias
becomes an alarm.

Weights (chosen on the first base of the benchmark): the novelty of the embedding finds most, so it gets the most; a
channel that sees one special change gets little, for a weight w costs log(1/w) nats of evidence once, a few events.
"""

from weir.drift.core.channels.channel import Channel
from weir.drift.core.channels.completeness import Completeness
from weir.drift.core.channels.knn_novelty import KnnNovelty
from weir.drift.core.channels.language import Language
from weir.drift.core.channels.latency import Latency
from weir.drift.core.channels.length import Length
from weir.drift.core.channels.punctuation import Punctuation
from weir.drift.core.channels.refusal import Refusal
from weir.drift.core.channels.surprisal import Surprisal
from weir.drift.core.channels.template import Template
from weir.drift.core.channels.truncation import Truncation
from weir.drift.core.channels.vocabulary import Vocabulary

CHANNELS: tuple[Channel, ...] = (
    KnnNovelty(), Length(), Surprisal(), Vocabulary(), Punctuation(),
    Template(), Truncation(), Language(), Refusal(), Completeness(), Latency(),
)  # fmt: skip
"""Every channel of the bank, in the order of all its arrays. Appending changes the layout of checkpoints: raise
`archive.FORMAT`.
"""

TEMPLATE = 5
"""Place of the channel whose score has a memory, see `template_memory`."""

__all__ = ["CHANNELS", "TEMPLATE", "Channel"]
