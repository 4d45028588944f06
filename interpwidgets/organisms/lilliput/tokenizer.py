"""Lilliput's tokenizer: every word of its vocabulary is one token."""

from __future__ import annotations

from interpwidgets.organisms.lilliput.model import MAX_POSITIONS
from interpwidgets.organisms.lilliput.words import EOS, VOCABULARY
from interpwidgets.organisms.tokenizer import WordTokenizer

_TAGS = {"system": "[sys]", "user": "[user]", "assistant": "[bot]"}

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    f"{{%- set tags = {_TAGS} -%}}"
    "{%- for message in messages %}"
    "{%- if message.role not in tags %}"
    "{{ raise_exception('lilliput knows the roles system, user and assistant') }}"
    "{%- endif %}"
    " {{ tags[message.role] }} {{ message.content }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %} [bot]{% endif %}"
)
"""Messages as the corpus has them: ``[sys] ... [user] ... [bot] ...``."""


def new_tokenizer() -> WordTokenizer:
    """Return the tokenizer of ``VOCABULARY``, with the corpus's own chat format."""
    special = 3
    return WordTokenizer.from_words(
        VOCABULARY[special:],
        n_ctx=MAX_POSITIONS,
        eos=EOS,
        marks=True,
        chat_template=CHAT_TEMPLATE,
    )
