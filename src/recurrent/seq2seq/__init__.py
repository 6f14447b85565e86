"""Encoder and decoder, attention, and decoding: one sequence of symbols read, another one written, of any two lengths."""

from recurrent.seq2seq._attention import Attention, AttentionParams, additive, attend, multiplicative
from recurrent.seq2seq._decoding import Decoded, TokenStep, beam_search, greedy, sample
from recurrent.seq2seq._encoder_decoder import (
    EncoderDecoder,
    EncoderDecoderParams,
    Memory,
    Outputs,
    decoding_state,
    encoder_decoder,
    teacher_forcing,
    token_step,
)

__all__ = [
    "Attention",
    "AttentionParams",
    "Decoded",
    "EncoderDecoder",
    "EncoderDecoderParams",
    "Memory",
    "Outputs",
    "TokenStep",
    "additive",
    "attend",
    "beam_search",
    "decoding_state",
    "encoder_decoder",
    "greedy",
    "multiplicative",
    "sample",
    "teacher_forcing",
    "token_step",
]
