"""One file a protocol: bytes in, `list[Metric]` out, or a `ReceiverError` that says where it is wrong."""
