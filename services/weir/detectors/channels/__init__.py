"""The channels: each file is one number that a text has, and what that number was on the reference.

Adding one: a file here with a class that keeps the `channel.Channel` protocol, its name in `CHANNELS`, and a row in
docs/drift.md. Its scores must be drawn alike for reference and later events (leave the scored text out of what scores
it), or the smallest bias becomes an alarm.

Weights (chosen on the first base of the benchmark): the novelty of the embedding finds most, so it gets the most; a
channel that sees one special change gets little, for a weight w costs log(1/w) nats of evidence once, a few events.
"""

from weir.detectors.channels.channel import Channel
from weir.detectors.channels.completeness import Completeness
from weir.detectors.channels.knn_novelty import KnnNovelty
from weir.detectors.channels.language import Language
from weir.detectors.channels.latency import Latency
from weir.detectors.channels.length import Length
from weir.detectors.channels.punctuation import Punctuation
from weir.detectors.channels.refusal import Refusal
from weir.detectors.channels.surprisal import Surprisal
from weir.detectors.channels.template import Template
from weir.detectors.channels.truncation import Truncation
from weir.detectors.channels.vocabulary import Vocabulary

CHANNELS: tuple[Channel, ...] = (
    KnnNovelty(), Length(), Surprisal(), Vocabulary(), Punctuation(),
    Template(), Truncation(), Language(), Refusal(), Completeness(), Latency(),
)  # fmt: skip
"""Every channel of the bank, in the order of all its arrays. A reference that was fitted for other channels is refused
(`fitted.Fitted`), and its stream warms again."""

TEMPLATE = 5
"""Place of the channel whose score has a memory, see `template_memory`."""

__all__ = ["CHANNELS", "TEMPLATE", "Channel"]
