"""From ragged sequences and long streams to rectangular arrays: padding, buckets by length, windows, shuffles."""

from recurrent.data._buckets import BucketBatch, Buckets, bucket, pad_bucket
from recurrent.data._padding import Side, pad, truncate
from recurrent.data._windows import Windows, epoch_order, windows

__all__ = [
    "BucketBatch",
    "Buckets",
    "Side",
    "Windows",
    "bucket",
    "epoch_order",
    "pad",
    "pad_bucket",
    "truncate",
    "windows",
]
