//! Portcullis: a low-latency, lock-free pre-trade risk gateway.
