"""State as bytes: one codec, derived from the annotations of the dataclasses that hold the state.

    CHECKPOINT = Codec(Checkpoint, "drift-checkpoint", layout=1)
    content = CHECKPOINT.encode(checkpoint)
    checkpoint = CHECKPOINT.decode(content)

A field says nothing about its storage, unless it is an array (`ARRAY`, `SYMMETRIC`), many integers (`Packed`), worked out
from others (`DERIVED`), the same in many places (`SHARED`), kept elsewhere (`Apart`) or worth less than the rest
(`Expendable`).
"""

from weir.state.codec import Codec, Migration, StateError
from weir.state.marks import ARRAY, DERIVED, SHARED, SYMMETRIC, Apart, Expendable, Packed
