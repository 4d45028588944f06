"""What the journeys' notebooks hold."""

from __future__ import annotations

MODEL = 'import interpwidgets as iw\nmodel = iw.load("lil-attn-2l")'
PROMPT = "cat dog king cat dog"
OTHER = "king king tree cat king"  # as many tokens: a zoom is kept
DRAW_ONLY = f'view = iw.attention(model, "{PROMPT}")\nview'
DRAW = f"{MODEL}\n{DRAW_ONLY}"
BOARD = f"{MODEL}\nboard = iw.Board(model)\nview = board.attention()\nview"
TRACE = """
with board.trace(PROMPT):
    # body
    logits = model.output.logits.save()
""".replace("PROMPT", repr(PROMPT))
LONG = """
import torch, transformers
import interpwidgets as iw
torch.manual_seed(0)
sizes = dict(n_layer=4, n_head=4, n_embd=32, n_positions=512, vocab_size=64)
config = transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)
model = iw.wrap(transformers.GPT2LMHeadModel(config).eval())
view = iw.attention(model, torch.arange(300)[None] % 64)
view
"""
# The cell's own update of the view must not make the click wait for the cell.
WAIT_FOR_A_CLICK = """
import time
view.selection = iw.Selection([(2, 1)])
end = time.time() + 20
while view.selection.heads != ((3, 2),) and time.time() < end:
    time.sleep(0.05)
print(view.selection.heads)
"""
HOSTILE = """
import numpy as np
import interpwidgets as iw
from interpwidgets.results.attention import AttentionPattern
tokens = ["<img src=x onerror=window.hacked=1>", "</script>", "\\u200b", "🙂", "שלום"]
weights = np.tril(np.ones((1, 2, 5, 5), dtype=np.float32))
iw.show(AttentionPattern.of_arrays(tokens, weights / weights.sum(-1, keepdims=True)))
"""


def trace(body: str) -> str:
    """A traced cell with a line of its own in the block."""
    return TRACE.replace("# body", body)


def arrays(n_tokens: int) -> str:
    """A view of plain arrays: without torch a new kernel is ready soon."""
    return f"""
import numpy as np
import interpwidgets as iw
from interpwidgets.results.attention import AttentionPattern
tokens = [f"w{{pos}}" for pos in range({n_tokens})]
weights = np.tril(np.ones((2, 4, {n_tokens}, {n_tokens}), dtype=np.float32))
weights /= weights.sum(-1, keepdims=True)
view = iw.show(AttentionPattern.of_arrays(tokens, weights))
view
"""
