"""Changes that are as large as another, and go anywhere: what a control puts there."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

#: What a control of this kind did, in words.
AS_FAR = "a change as large in a random direction"


def as_far(
    own: Float[torch.Tensor, "*axes width"],
    given: Float[torch.Tensor, "*axes width"],
    rng: np.random.Generator,
) -> Float[torch.Tensor, "*axes width"]:
    """Return vectors as far from some as others are, each in a random direction.

    Where the two are equal, nothing moves.

    Args:
        own: Where to start from.
        given: Says how far to go.
        rng: Of the directions, uniform on the sphere.
    """
    wide = torch.promote_types(own.dtype, torch.float32)
    drawn = torch.from_numpy(rng.standard_normal(tuple(own.shape))).to(wide)
    direction = drawn / drawn.norm(dim=-1, keepdim=True)
    length = (given.to(wide) - own.to(wide)).norm(dim=-1, keepdim=True)
    return (own.to(wide) + length * direction).to(own.dtype)
