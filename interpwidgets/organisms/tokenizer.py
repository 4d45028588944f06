"""A word-level tokenizer: one token a word, and a word it does not know is an error."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import BatchEncoding, PreTrainedTokenizerFast

from interpwidgets.errors import PromptError
from interpwidgets.organisms.induction import N_CTX

PAD = "<pad>"
BOS = "<bos>"
WORDS: tuple[str, ...] = (
    *("apple", "arrow", "bell", "bird", "boat", "book", "brick", "bridge", "candle"),
    *("cat", "chair", "cloud", "coin", "desk", "doctor", "dog", "drum", "eagle", "egg"),
    *("field", "fish", "flag", "forest", "garden", "ghost", "glove", "hammer", "honey"),
    *("horse", "island", "jacket", "judge", "kettle", "king", "knife", "ladder", "lamp"),
    *("lemon", "mirror", "mountain", "ocean", "paper", "pencil", "piano", "pirate"),
    *("queen", "rabbit", "river", "rope", "salt", "spider", "sugar", "table", "teacher"),
    *("tiger", "tower", "tree", "violin", "wagon", "window", "wolf", "zebra"),
)

_PUNCTUATION = ".,?:"
# A tag such as [user], a special token, a mark, or whatever stands between spaces and marks.
_WORDS_AND_MARKS = rf"<[a-z]+>|\[[a-z]+\]|[{_PUNCTUATION}]|[^\s{_PUNCTUATION}]+"
_MOST_LISTED = 5
_LONGEST_SHOWN = 30


class UnknownWordError(PromptError):
    """A prompt holds words that the tokenizer does not know."""


class WordTokenizer(PreTrainedTokenizerFast):
    """Splits text into words; each is one token, and none is unknown.

    ``<bos>`` is put first unless ``add_special_tokens=False``, and padding goes on the
    left. The saved files hold everything but the error messages, so transformers' own
    ``AutoTokenizer`` opens them too.
    """

    @classmethod
    def from_words(
        cls,
        words: Sequence[str] = WORDS,
        *,
        n_ctx: int = N_CTX,
        eos: str | None = None,
        marks: bool = False,
        chat_template: str | None = None,
    ) -> WordTokenizer:
        """Build the tokenizer: ``<pad>`` 0, ``<bos>`` 1, then ``words`` in order.

        Args:
            words: What it knows.
            n_ctx: Tokens that its model reads.
            eos: Token that ends a text, put after ``<bos>``; None for a model that never
                ends, whose ``generate`` returns as many words as it was asked for.
            marks: Whether ``.,?:`` are words of their own without a space before them,
                and so written when decoded.
            chat_template: How messages become text, in Jinja.
        """
        special = [PAD, BOS, *([eos] if eos else [])]
        vocab = {token: i for i, token in enumerate((*special, *words))}
        backend = Tokenizer(models.WordLevel(vocab))
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        if marks:
            pattern = Regex(_WORDS_AND_MARKS)
            backend.pre_tokenizer = pre_tokenizers.Split(pattern, "removed", invert=True)
            backend.decoder = decoders.Sequence(
                [
                    decoders.WordPiece(prefix="##", cleanup=False),  # a space before each word
                    *(decoders.Replace(f" {mark}", mark) for mark in _PUNCTUATION),
                ]
            )
        backend.add_special_tokens([AddedToken(token) for token in special])
        return cls(
            tokenizer_object=backend,
            pad_token=PAD,
            bos_token=BOS,
            eos_token=eos,
            add_bos_token=True,
            padding_side="left",
            truncation_side="left",
            model_max_length=n_ctx,
            clean_up_tokenization_spaces=False,
            model_input_names=["input_ids", "attention_mask"],
            chat_template=chat_template,
        )

    @property
    def words(self) -> tuple[str, ...]:
        """The words it knows, alphabetically; special tokens left out."""
        return tuple(sorted(set(self.get_vocab()) - set(self.all_special_tokens)))

    def check_words(self, text: str) -> None:
        """Raise ``UnknownWordError`` if any word of the text is not known."""
        known = self.get_vocab()
        for token in self.all_special_tokens:
            text = text.replace(token, f" {token} ")
        # A lone surrogate, which the library cannot take, is no word either.
        text = text.encode("utf-8", "backslashreplace").decode()
        pieces = self.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)
        unknown = [
            (position, word)
            for position, (word, _) in enumerate(pieces, start=1)
            if word not in known
        ]
        if unknown:
            raise UnknownWordError(_describe_unknown(unknown, self.words))

    # Every public way in (call, encode, tokenize, batches, pairs) comes through here.
    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:
        for part in (*_strings(text), *_strings(text_pair)):
            self.check_words(part)
        return super()._encode_plus(text, text_pair=text_pair, **kwargs)

    def _convert_token_to_id_with_added_voc(self, token: str) -> int:
        if token not in self.get_vocab():
            raise UnknownWordError(_describe_unknown([(1, token)], self.words))
        return int(super()._convert_token_to_id_with_added_voc(token))

    def _save_pretrained(
        self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any
    ) -> tuple[str, ...]:
        # transformers has just written this file with a class that only we have.
        path = Path(save_directory, "tokenizer_config.json")
        config = json.loads(path.read_text(encoding="utf-8"))
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        saved: tuple[str, ...] = super()._save_pretrained(save_directory, *args, **kwargs)
        return saved


def _strings(text: object) -> Iterable[str]:
    """Yield every string in text, a batch, or a batch of word lists."""
    if isinstance(text, str):
        yield text
    elif isinstance(text, list | tuple):
        for part in text:
            yield from _strings(part)


def _describe_unknown(unknown: Sequence[tuple[int, str]], words: Sequence[str]) -> str:
    """Return the message for unknown words at 1-based positions."""
    listed = ", ".join(
        f"{_shown(word)} at word {position}" for position, word in unknown[:_MOST_LISTED]
    )
    if len(unknown) > _MOST_LISTED:
        listed += f" and {len(unknown) - _MOST_LISTED} more"
    spelt = {word.lower(): word for word in words}
    near = [
        spelt[match]
        for _, word in unknown[:_MOST_LISTED]
        for match in difflib.get_close_matches(word[:_LONGEST_SHOWN].lower(), spelt, n=2)
    ]
    if near:
        advice = f"did you mean {' or '.join(dict.fromkeys(near))}?"
    else:
        plain = [word for word in words if word.isalpha()]
        advice = f"for instance {', '.join(plain[:: len(plain) // _MOST_LISTED])}"
    return (
        f"unknown word{'s' if len(unknown) > 1 else ''}: {listed}. This tokenizer knows "
        f"{len(words)} words, spelt exactly so: {advice} (all of them: tokenizer.words)"
    )


def _shown(word: str) -> str:
    """Quote a word, escaping what would not print, cut if very long."""
    return ascii(word if len(word) <= _LONGEST_SHOWN else word[:_LONGEST_SHOWN] + "...")
